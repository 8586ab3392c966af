/**
 * A registry that takes connections and says nothing: the start fails soon, in its phase, with the name of the host, and leaves nothing
 * behind. One that is slow is waited for. (F-20; the full times are measured by `npm run bench -- --full`.)
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PackageSource, Packages } from '../../src/packages/package.ts';
import { createPackages } from '../../src/packages/packages.ts';
import { REGISTRY_SILENCE_MS } from '../../src/packages/silence.ts';
import { ensureUv } from '../../src/packages/uv.ts';
import { toWheel } from '../support/archives.ts';
import { type Manner, StandInRegistry } from '../support/stand-in-registry.ts';
import { TEST_TREES } from '../support/trees.ts';

/** Milliseconds; the rigs answer within one turn of this program, however busy the machine is. */
const SILENCE = 3_000;

let uvFolder: string;
let root: string;

beforeAll(async () => {
  uvFolder = join(await ensureUv({ dataDir: TEST_TREES }), '..');
  root = await mkdtemp(join(tmpdir(), 'berth-silent-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

interface Rig {
  readonly registry: StandInRegistry;
  readonly packages: Packages;
  readonly data: string;
  readonly host: string;
  close(): Promise<void>;
}

/** One server of each ecosystem, `server` with a `dep`, and `other` beside it. */
async function open(silence = SILENCE): Promise<Rig> {
  const folder = await mkdtemp(join(root, 'rig-'));
  const registry = await new StandInRegistry().start();
  const files = { 'cli.js': '#!/usr/bin/env node\n', 'large.txt': 'x'.repeat(50_000) };
  registry.publish('dep', '1.0.0', { files: { 'index.js': '' } });
  registry.publish('server', '1.0.0', {
    manifest: { bin: { server: 'cli.js' }, dependencies: { dep: '1.0.0' } },
    files,
  });
  registry.publish('other', '1.0.0', { manifest: { bin: { other: 'cli.js' } }, files });
  for (const name of ['server', 'other']) {
    const requires = name === 'server' ? ['dep'] : [];
    publishPython(registry, name, requires);
  }
  publishPython(registry, 'dep', []);
  const data = join(folder, 'data');
  const packages = createPackages({ dataDir: data, env: environment(folder, registry.url), silence });
  const host = new URL(registry.url).host;
  return { registry, packages, data, host, close: () => registry.close() };
}

function publishPython(registry: StandInRegistry, name: string, requires: string[]): void {
  const files = { [`${name}_main.py`]: 'def main():\n    pass\n' };
  const wheel = toWheel({ name, version: '1.0', files, scripts: { [name]: `${name}_main:main` }, requires });
  registry.publishPython(name, wheel.file, wheel.bytes);
}

function environment(folder: string, url: string): Record<string, string> {
  return {
    PATH: `${uvFolder}:${process.env.PATH ?? ''}`,
    HOME: folder,
    UV_CACHE_DIR: join(folder, 'cache'),
    UV_DEFAULT_INDEX: `${url}simple/`,
    NPM_CONFIG_REGISTRY: url,
    NPM_CONFIG_CACHE: join(folder, 'npm-cache'),
    NPM_CONFIG_GLOBALCONFIG: join(folder, 'none'),
  };
}

async function install(packages: Packages, ecosystem: PackageSource['ecosystem'], name = 'server') {
  return await packages.install(await packages.resolve({ ecosystem, name }));
}

/** Everything that an installer may have left. */
async function left(data: string): Promise<string[]> {
  const names = ['trees', 'scratch', 'requests', 'locks'];
  const found = await Promise.all(names.map((name) => readdir(join(data, name)).catch(() => [])));
  return found.flat().filter((name) => !name.endsWith('.mutex'));
}

/** What is asked for later is another matter. */
function once(which: (path: string) => boolean): (path: string) => boolean {
  let asked = false;
  return (path) => {
    const isFirst = !asked && which(path);
    asked ||= isFirst;
    return isFirst;
  };
}

const silence = (phase: 'resolve' | 'install', host: string) => ({
  code: `${phase}-failed`,
  message: `the registry ${host} has said nothing for ${SILENCE / 1_000} s`,
  details: { phase, hint: expect.stringContaining('packages.registrySilence') },
});

const npmDocument = (path: string) => path === '/server';
const npmDependency = (path: string) => path === '/dep';
const npmTarball = (path: string) => path.endsWith('.tgz') && path.includes('server');
const pythonPage = (path: string) => path === '/simple/server/';
const pythonDependency = (path: string) => path === '/simple/dep/';
const pythonWheel = (path: string) => path.startsWith('/simple/server/') && path.endsWith('.whl');

describe.concurrent('a registry that says nothing', () => {
  it.each<[PackageSource['ecosystem'], string, 'resolve' | 'install', (path: string) => boolean, Manner]>([
    ['npm', 'after half of its first document', 'resolve', npmDocument, 'half'],
    ['npm', 'of a dependency', 'install', npmDependency, 'silent'],
    ['pypi', 'of a dependency', 'install', pythonDependency, 'silent'],
    ['pypi', 'within a wheel', 'install', pythonWheel, 'half'],
  ])('(%s) %s is named, in phase %s, and nothing stays', async (ecosystem, _what, phase, which, manner) => {
    const { registry, packages, data, host, close } = await open();
    try {
      registry.manner = (path) => (which(path) ? manner : 'at once');
      await expect(install(packages, ecosystem)).rejects.toMatchObject(silence(phase, host));
      expect(await left(data)).toEqual([]);
    } finally {
      await close();
    }
  });

  it.each<[PackageSource['ecosystem'], (path: string) => boolean]>([
    ['npm', npmTarball],
    ['pypi', pythonPage],
  ])('(%s) disturbs nobody else, and is asked again as if nothing had been', async (ecosystem, which) => {
    const { registry, packages, host, close } = await open();
    try {
      registry.manner = (path) => (which(path) ? 'half' : 'at once');
      const failed = install(packages, ecosystem);
      const beside = install(packages, ecosystem, 'other');
      await expect(failed).rejects.toMatchObject({
        message: `the registry ${host} has said nothing for ${SILENCE / 1_000} s`,
      });
      await beside;
      registry.manner = () => 'at once';
      await install(packages, ecosystem);
    } finally {
      await close();
    }
  });

  it.each<[PackageSource['ecosystem'], (path: string) => boolean]>([
    ['npm', once(npmDocument)],
    ['npm', npmTarball],
    ['pypi', once(pythonWheel)],
  ])('(%s) for less than that is waited for, however long it takes in all', async (ecosystem, which) => {
    const { registry, packages, close } = await open(5_000);
    try {
      registry.manner = (path) => (which(path) ? { slow: 900, pieces: 6 } : 'at once');
      expect((await install(packages, ecosystem)).resolved.version).toMatch(/^1\.0/);
    } finally {
      await close();
    }
  });

  it('is named when it does not even shake hands', async () => {
    const sockets = new Set<Socket>();
    const hole: Server = createServer((socket) => sockets.add(socket.on('error', () => {})));
    await new Promise<void>((resolve) => hole.listen(0, '127.0.0.1', resolve));
    const address = hole.address();
    const host = `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
    const folder = await mkdtemp(join(root, 'hole-'));
    const env = environment(folder, `https://${host}/`);
    const packages = createPackages({ dataDir: join(folder, 'data'), env, silence: SILENCE });
    try {
      for (const ecosystem of ['npm', 'pypi'] as const)
        await expect(packages.resolve({ ecosystem, name: 'server' })).rejects.toMatchObject({
          code: 'resolve-failed',
          message: `the registry ${host} has said nothing for ${SILENCE / 1_000} s`,
        });
      const resolved = { ecosystem: 'npm', name: 'server', version: '1.0.0' } as const;
      await expect(
        packages.install({ ...resolved, allowInstallScripts: false, constraints: [] }),
      ).rejects.toMatchObject({
        code: 'install-failed',
        message: expect.stringContaining(`registry ${host} has`),
      });
    } finally {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => hole.close(resolve));
    }
  });
});

it('has less time than a person would wait', () => {
  expect(REGISTRY_SILENCE_MS).toBeLessThan(10_000);
});
