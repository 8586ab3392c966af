/** A package registry on the loopback address: npm packuments and tarballs, and a Python simple index below `/simple/`. */

import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { type ArchiveFiles, toTarball } from './archives.ts';

interface NpmVersion {
  readonly manifest: Readonly<Record<string, unknown>>;
  readonly tarball: Buffer;
}

interface PythonFile {
  readonly bytes: Buffer;
  readonly python: string | undefined;
}

/** A key of a registry, as npm's are: ECDSA on P-256. */
export interface SigningKey {
  readonly keyid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** ISO 8601; null for never. */
  readonly expires: string | null;
}

export function createSigningKey(expires: string | null = null): SigningKey {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const der = pair.publicKey.export({ format: 'der', type: 'spki' });
  return { keyid: `SHA256:${createHash('sha256').update(der).digest('base64')}`, ...pair, expires };
}

/**
 * `silent`: nothing at all · `half`: the first half, and then nothing · `slow`: piece by piece, with a pause before each.
 */
export type Manner = 'at once' | 'silent' | 'half' | { readonly slow: number; readonly pieces: number };

const NOT_FOUND = '{"error":"not found"}';

interface Sent {
  readonly status: number;
  readonly type: string;
  readonly body: string | Buffer;
}

async function send(manner: Manner, response: ServerResponse, { status, type, body }: Sent): Promise<void> {
  if (manner === 'silent') return;
  const bytes = Buffer.from(body);
  const headers = { 'content-type': type, 'content-length': bytes.length };
  if (manner === 'at once') return void response.writeHead(status, headers).end(bytes);
  if (manner === 'half')
    return void response.writeHead(status, headers).write(bytes.subarray(0, bytes.length / 2));
  const size = Math.ceil(bytes.length / manner.pieces);
  for (let at = 0; at < bytes.length && !response.destroyed; at += size) {
    await setTimeout(manner.slow);
    if (at === 0) response.writeHead(status, headers);
    response.write(bytes.subarray(at, at + size));
  }
  response.end();
}

export class StandInRegistry {
  /** Every request, as `GET /path`. */
  readonly requests: string[] = [];
  /** How what is asked for is answered. */
  manner: (path: string) => Manner = () => 'at once';
  /** ISO 8601; of every npm version, where it is told at all. */
  publishedAt: string | undefined;
  /** The authorization header of the latest request. */
  authorization: string | undefined;
  readonly #npm = new Map<string, Map<string, NpmVersion>>();
  readonly #python = new Map<string, Map<string, PythonFile>>();
  readonly #server: Server;
  #port = 0;
  #signing: { readonly keys: readonly SigningKey[]; readonly offered: boolean } | undefined;

  constructor() {
    this.#server = createServer((request, response) => {
      this.requests.push(`${request.method} ${request.url}`);
      this.authorization = request.headers.authorization;
      const path = decodeURIComponent(request.url ?? '/');
      const answer = this.#answer(path) ?? { type: 'application/json', body: NOT_FOUND };
      // A question for the head alone has nothing that could come slowly.
      const manner = request.method === 'HEAD' ? 'at once' : this.manner(path);
      void send(manner, response, { ...answer, status: answer.body === NOT_FOUND ? 404 : 200 });
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/`;
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  /** From now on connections are refused. */
  async close(): Promise<void> {
    this.#server.closeAllConnections();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  /** From now on versions are signed as the public npm registry signs them; the newest of the keys signs. */
  signWith(keys: readonly SigningKey[], { offered = true }: { readonly offered?: boolean } = {}): void {
    this.#signing = { keys, offered };
  }

  /** A new version of an npm package, which becomes the latest. */
  publish(
    name: string,
    version: string,
    input: { manifest?: Record<string, unknown>; files?: ArchiveFiles } = {},
  ): void {
    const manifest = { name, version, ...input.manifest };
    const tarball = toTarball({ 'package.json': JSON.stringify(manifest), ...input.files });
    const versions = this.#npm.get(name) ?? new Map<string, NpmVersion>();
    this.#npm.set(name, versions.set(version, { manifest, tarball }));
  }

  /** A file of a Python project; `python`: what the index says that it needs. */
  publishPython(project: string, file: string, bytes: Buffer, python?: string): void {
    const files = this.#python.get(project) ?? new Map<string, PythonFile>();
    this.#python.set(project, files.set(file, { bytes, python }));
  }

  #answer(path: string): { type: string; body: string | Buffer } | undefined {
    const [, project, file] = /^\/simple\/([^/]+)\/([^/]*)$/.exec(path) ?? [];
    if (project !== undefined) return this.#pythonAnswer(project, file ?? '');
    const [, name, version] = /^\/(.+)\/-\/(.+)\.tgz$/.exec(path) ?? [];
    if (name !== undefined && version !== undefined) {
      const found = this.#npm.get(name)?.get(version);
      return found && { type: 'application/octet-stream', body: found.tarball };
    }
    if (path === '/-/npm/v1/keys') return this.#keys();
    const packument = this.#packument(path.slice(1));
    return packument && { type: 'application/json', body: JSON.stringify(packument) };
  }

  #packument(name: string): Record<string, unknown> | undefined {
    const versions = this.#npm.get(name);
    if (!versions) return undefined;
    const entries = [...versions].map(([version, { manifest, tarball }]) => {
      const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
      const scripted = manifest.scripts === undefined ? {} : { hasInstallScript: true };
      const signature = this.#signature(`${name}@${version}:${integrity}`);
      const dist = { tarball: `${this.url}${name}/-/${version}.tgz`, integrity, ...signature };
      return [version, { ...manifest, ...scripted, dist }] as const;
    });
    return {
      name,
      'dist-tags': { latest: [...versions.keys()].at(-1) },
      versions: Object.fromEntries(entries),
      ...(this.publishedAt && {
        time: Object.fromEntries([...versions.keys()].map((version) => [version, this.publishedAt])),
      }),
    };
  }

  #signature(text: string): object | undefined {
    const key = this.#signing?.keys.at(-1);
    if (!key) return undefined;
    const sig = sign('sha256', Buffer.from(text), key.privateKey).toString('base64');
    return { signatures: [{ keyid: key.keyid, sig }] };
  }

  #keys(): { type: string; body: string } | undefined {
    if (!this.#signing?.offered) return undefined;
    const keys = this.#signing.keys.map(({ keyid, publicKey, expires }) => ({
      ...{ keyid, expires, keytype: 'ecdsa-sha2-nistp256', scheme: 'ecdsa-sha2-nistp256' },
      key: publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
    }));
    return { type: 'application/json', body: JSON.stringify({ keys }) };
  }

  #pythonAnswer(project: string, file: string): { type: string; body: string | Buffer } | undefined {
    const files = this.#python.get(project);
    if (!files) return undefined;
    if (file !== '') {
      const body = files.get(file)?.bytes;
      return body && { type: 'application/octet-stream', body };
    }
    const links = [...files].map(([name, { bytes, python }]) => {
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      const needs = python === undefined ? '' : ` data-requires-python="${python.replace('>', '&gt;')}"`;
      return `<a href="${name}#sha256=${sha256}"${needs}>${name}</a><br/>`;
    });
    return { type: 'text/html', body: `<!DOCTYPE html><html><body>${links.join('\n')}</body></html>` };
  }
}
