/** Verdaccio, a real npm registry with a search of its own, on the loopback address; packages are published to it as npm does. */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { npmFolder } from '../../src/packages/npm-config.ts';
import { type ArchiveFiles, toTarball } from './archives.ts';
import { freePort, untilAnswers } from './ports.ts';

const VERSION = '6.8.0';
const FOLDER = join(tmpdir(), `berth-test-verdaccio-${VERSION}`);
/** Its audit plugin asks for a dist-tag, which proxies of registries leave out. */
const MANIFEST = {
  private: true,
  dependencies: { verdaccio: VERSION },
  overrides: { 'node-fetch': '2.7.0' },
};

export interface VerdaccioRegistry {
  /** With a slash at its end. */
  readonly url: string;
  publish(
    name: string,
    version: string,
    manifest?: Record<string, unknown>,
    files?: ArchiveFiles,
  ): Promise<void>;
  close(): Promise<void>;
}

/** `token`: readers must send it. */
export async function startVerdaccio(): Promise<VerdaccioRegistry> {
  await install();
  const home = await mkdtemp(join(tmpdir(), 'berth-verdaccio-'));
  const config = {
    storage: join(home, 'storage'),
    auth: { htpasswd: { file: join(home, 'htpasswd') } },
    packages: {
      '@private/*': { access: '$authenticated', publish: '$anonymous' },
      '**': { access: '$all', publish: '$anonymous' },
    },
    log: { type: 'stdout', format: 'json', level: 'error' },
    web: { enable: false },
  };
  await writeFile(join(home, 'config.yaml'), JSON.stringify(config));
  const port = await freePort();
  const program = join(FOLDER, 'node_modules', 'verdaccio', 'bin', 'verdaccio');
  const args = [program, '--config', join(home, 'config.yaml'), '--listen', `127.0.0.1:${port}`];
  const child = spawn(process.execPath, args, {
    cwd: home,
    stdio: 'ignore',
    env: { PATH: process.env.PATH, HOME: home },
  });
  const url = `http://127.0.0.1:${port}/`;
  await untilAnswers(`${url}-/ping`, child);
  return {
    url,
    publish: (name, version, manifest = {}, files = {}) => publish({ url, name, version, manifest, files }),
    async close() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      if (child.exitCode === null && child.kill()) await ended;
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** Once for all test runs; whoever is second throws his own away. */
async function install(): Promise<void> {
  if (existsSync(FOLDER)) return;
  const scratch = await mkdtemp(`${FOLDER}-`);
  await writeFile(join(scratch, 'package.json'), JSON.stringify(MANIFEST));
  const npm = join(npmFolder(), 'bin', 'npm-cli.js');
  await promisify(execFile)(
    process.execPath,
    [npm, 'install', '--ignore-scripts', '--no-audit', '--no-fund'],
    { cwd: scratch },
  );
  await mkdir(tmpdir(), { recursive: true });
  await rename(scratch, FOLDER).catch(() => rm(scratch, { recursive: true, force: true }));
}

interface Published {
  readonly url: string;
  readonly name: string;
  readonly version: string;
  readonly manifest: Record<string, unknown>;
  readonly files: ArchiveFiles;
}

async function publish({ url, name, version, manifest, files }: Published): Promise<void> {
  const full = { name, version, ...manifest };
  const tarball = toTarball({ 'package.json': JSON.stringify(full), ...files });
  const file = `${name.replace(/^@[^/]+\//, '')}-${version}.tgz`;
  const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
  const shasum = createHash('sha1').update(tarball).digest('hex');
  const dist = { tarball: `${url}${name}/-/${file}`, integrity, shasum };
  const tag = version.includes('-') ? 'next' : 'latest';
  const response = await fetch(`${url}${name.replace('/', '%2f')}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      _id: name,
      name,
      'dist-tags': { [tag]: version },
      versions: { [version]: { ...full, _id: `${name}@${version}`, dist } },
      _attachments: {
        [file]: {
          content_type: 'application/octet-stream',
          data: tarball.toString('base64'),
          length: tarball.length,
        },
      },
    }),
  });
  if (!response.ok)
    throw new Error(`${name}@${version} was not published: ${response.status} ${await response.text()}`);
}
