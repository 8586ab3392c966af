import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { PackageSource, Packages } from '../../src/packages/package.ts';
import { createPackages } from '../../src/packages/packages.ts';
import { runProgram } from '../../src/packages/run-program.ts';
import { ensureUv } from '../../src/packages/uv.ts';
import pinned from '../../src/packages/uv-wheels.json' with { type: 'json' };
import { toTarball, toWheel, toZip } from '../support/archives.ts';
import { StandInRegistry } from '../support/stand-in-registry.ts';
import { TEST_TREES } from '../support/trees.ts';

let uvFolder: string;
let folder: string;
let registry: StandInRegistry;
let packages: Packages;

beforeAll(async () => {
  uvFolder = join(await ensureUv({ dataDir: TEST_TREES }), '..');
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-pypi-'));
  registry = await new StandInRegistry().start();
  packages = createPackages({ dataDir: join(folder, 'data'), env: env() });
});

afterEach(async () => {
  await registry.close();
  await rm(folder, { recursive: true, force: true });
});

function env(more: Record<string, string> = {}): Record<string, string> {
  const path = `${uvFolder}:${process.env.PATH ?? ''}`;
  const cache = join(folder, 'cache');
  return {
    PATH: path,
    HOME: process.env.HOME ?? folder,
    UV_CACHE_DIR: cache,
    UV_DEFAULT_INDEX: `${registry.url}simple/`,
    ...more,
  };
}

function publish(
  name: string,
  version: string,
  text: string,
  more: Partial<Parameters<typeof toWheel>[0]> = {},
): void {
  const module = `${name.replaceAll('-', '_')}_main`;
  const files = {
    [`${module}.py`]: `import sys\ndef main():\n    print(${JSON.stringify(text)}, sys.argv[1:])\n`,
  };
  const wheel = toWheel({ name, version, files, scripts: { [name]: `${module}:main` }, ...more });
  registry.publishPython(name, wheel.file, wheel.bytes, more.python);
}

async function install(source: Omit<PackageSource, 'ecosystem'>) {
  return await packages.install(await packages.resolve({ ecosystem: 'pypi', ...source }));
}

async function run(tree: Awaited<ReturnType<typeof install>>, args: string[] = []): Promise<string> {
  const launch = packages.launch(tree, { args, env: {}, home: join(folder, 'home') });
  return (await runProgram(launch)).stdout.trim();
}

describe('a PyPI package', () => {
  it('whose wheel names files outside of it writes none there', async () => {
    const climbs = ['../escaped.py', '../../../../escaped.py', '/escaped.py', 'a/../../../escaped.py'];
    for (const [at, climb] of climbs.entries()) {
      const name = `climber-${at}`;
      const files = { [`climber_${at}.py`]: 'def main():\n    pass\n', [climb]: 'escaped' };
      const wheel = toWheel({ name, version: '1.0.0', files, scripts: { [name]: `climber_${at}:main` } });
      registry.publishPython(name, wheel.file, wheel.bytes);
      // uv may refuse the wheel or leave such files out; both are fine.
      await packages
        .resolve({ ecosystem: 'pypi', name })
        .then((resolved) => packages.install(resolved))
        .catch((error: unknown) => expect(error).toMatchObject({ code: 'install-failed' }));
    }
    const everything = await readdir(folder, { recursive: true });
    expect(everything.filter((name) => name.includes('escaped'))).toEqual([]);
    expect(existsSync('/escaped.py')).toBe(false);
  });

  it('runs from its tree with its dependencies, and without network again', async () => {
    publish('dep', '1.0', 'x');
    publish('my-server', '1.5', 'hello', { requires: ['dep>=1'] });
    const tree = await install({ name: 'My_Server', version: '>=1,<2' });
    expect(tree).toMatchObject({ resolved: { name: 'my-server', version: '1.5' } });
    expect(await run(tree, ['--index-url=x', '-c'])).toBe("hello ['--index-url=x', '-c']");
    await registry.close();
    expect(await run(await packages.install(tree.resolved, { key: tree.key }))).toBe('hello []');
  });

  it('stays what it was when a newer version is published', async () => {
    publish('dep', '1.0', 'x');
    publish('server', '1.0', 'good', { requires: ['dep'] });
    const tree = await install({ name: 'server' });
    publish('dep', '2.0', 'evil');
    publish('server', '2.0', 'evil');
    await packages.collect({ keep: new Set(), maxBytes: 0, maxAgeDays: 1 });
    const again = await packages.install(tree.resolved, { key: tree.key });
    expect([again.key, await run(again)]).toEqual([tree.key, 'good []']);
    expect(await readFile(join(again.path, 'requirements.txt'), 'utf8')).toMatch(
      /^dep==1\.0 \\\n\s+--hash=sha256:/m,
    );
  });

  it('is refused when a file changed under its hash', async () => {
    publish('server', '1.0', 'good');
    const tree = await install({ name: 'server' });
    await packages.collect({ keep: new Set(), maxBytes: 0, maxAgeDays: 1 });
    publish('server', '1.0', 'evil');
    packages = createPackages({
      dataDir: join(folder, 'data'),
      env: env({ UV_CACHE_DIR: join(folder, 'cache-2') }),
    });
    await expect(packages.install(tree.resolved, { key: tree.key })).rejects.toMatchObject({
      code: 'install-failed',
      details: {
        phase: 'install',
        exitCode: expect.any(Number),
        stderr: expect.arrayContaining([expect.any(String)]),
      },
    });
  });

  it('obeys constraints', async () => {
    publish('dep', '1.0', 'x');
    publish('dep', '2.0', 'x');
    publish('server', '1.0', 'x', { requires: ['dep'] });
    const tree = await install({ name: 'server', constraints: ['dep<2'] });
    expect(await readFile(join(tree.path, 'requirements.txt'), 'utf8')).toContain('dep==1.0');
  });

  it('gets another version of a dependency than it asks for, where that is overridden', async () => {
    publish('dep', '1.1', 'x');
    publish('server', '1.0', 'x', { requires: ['dep==1.0'] });
    await expect(install({ name: 'server' })).rejects.toMatchObject({ code: 'install-failed' });
    const tree = await install({ name: 'server', overrides: ['dep>=1.1,<2'] });
    expect(await readFile(join(tree.path, 'requirements.txt'), 'utf8')).toContain('dep==1.1');
  });

  it('is chosen a program by name, else the programs are listed', async () => {
    const scripts = { one: 'server_main:main', two: 'server_main:main' };
    publish('server', '1.0', 'hello', { scripts });
    await expect(install({ name: 'server' })).rejects.toMatchObject({ hint: 'Set bin to one of: one, two.' });
    expect(await run(await install({ name: 'server', bin: 'two' }))).toBe('hello []');
  });

  it('has its byte code compiled', async () => {
    publish('server', '1.0', 'x');
    const { path } = await install({ name: 'server' });
    const names = await readdir(join(path, 'venv', 'lib'), { recursive: true });
    expect(names.filter((name) => /server_main\.cpython-.*\.pyc$/.test(name))).toHaveLength(1);
  });
});

describe('a package that has to be built', () => {
  function publishSource(): string {
    const trace = join(folder, 'trace');
    const hook = `open(${JSON.stringify(trace)}, 'w').close()\n`;
    const files = { 'setup.py': hook, 'PKG-INFO': 'Metadata-Version: 1.0\nName: built\nVersion: 1.0\n' };
    registry.publishPython('built', 'built-1.0.tar.gz', toTarball(files, 'built-1.0'));
    return trace;
  }

  it('is refused, and nothing of it is executed', async () => {
    const trace = publishSource();
    await expect(install({ name: 'built' })).rejects.toMatchObject({
      code: 'resolve-failed',
      details: { phase: 'resolve' },
    });
    expect(existsSync(trace)).toBe(false);
  });

  it('is refused as a dependency too', async () => {
    const trace = publishSource();
    publish('server', '1.0', 'x', { requires: ['built'] });
    await expect(install({ name: 'server' })).rejects.toMatchObject({
      code: 'install-failed',
      details: { phase: 'install' },
    });
    expect(existsSync(trace)).toBe(false);
  });
});

describe('a Python that this machine lacks', () => {
  const lacks = {
    message: expect.stringMatching(/^server needs Python >=3\.99, and this machine has 3\.\d+$/),
    details: {
      hint: expect.stringContaining('Install Python >=3.99'),
      stderr: expect.arrayContaining([expect.any(String)]),
    },
  };

  it('is named before anything is installed', async () => {
    publish('server', '1.0', 'x', { python: '>=3.99' });
    await expect(install({ name: 'server' })).rejects.toMatchObject({ code: 'resolve-failed', ...lacks });
    expect(existsSync(join(folder, 'data', 'trees'))).toBe(false);
  });

  it('is named when only a dependency needs it', async () => {
    publish('dep', '1.0', 'x', { python: '>=3.99' });
    publish('server', '1.0', 'x', { requires: ['dep'] });
    await expect(install({ name: 'server' })).rejects.toMatchObject({ code: 'install-failed', ...lacks });
  });

  it('is no matter where an older version does with what there is', async () => {
    publish('server', '1.0', 'old');
    publish('server', '2.0', 'new', { python: '>=3.99' });
    expect((await install({ name: 'server' })).resolved.version).toBe('1.0');
  });
});

describe('a failure to resolve', () => {
  it('has the last lines of uv', async () => {
    const failure = await install({ name: 'no-such' }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'resolve-failed', details: { phase: 'resolve' } });
    expect((failure as { details: { stderr: string[] } }).details.stderr.join('\n')).toContain('no-such');
  });

  it('never shows credentials', async () => {
    const index = `${registry.url.replace('//', '//user:pa55word@')}simple/`;
    await registry.close();
    packages = createPackages({ dataDir: join(folder, 'data'), env: env({ UV_DEFAULT_INDEX: index }) });
    const failure = await install({ name: 'x' }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'resolve-failed' });
    expect(JSON.stringify(failure)).not.toContain('pa55word');
  });

  it('is told before anything is asked when the name is none', async () => {
    for (const name of ['--index-url=http://127.0.0.1:9', '-r', 'x @ http://127.0.0.1:9/x.whl', 'x\n-r y']) {
      await expect(packages.resolve({ ecosystem: 'pypi', name })).rejects.toMatchObject({
        code: 'bad-input',
      });
    }
    expect(registry.requests).toEqual([]);
  });
});

describe('uv', () => {
  const withoutUv = () => env({ PATH: '/usr/bin:/bin' });

  it('is the one on the PATH if that works', async () => {
    const bin = join(folder, 'bin');
    await mkdir(bin);
    await writeFile(join(bin, 'uv'), '#!/bin/sh\nexit 1\n');
    await chmod(join(bin, 'uv'), 0o755);
    const path = `${bin}:${uvFolder}`;
    expect(await ensureUv({ dataDir: folder, env: env({ PATH: path }) })).toBe(join(uvFolder, 'uv'));
  });

  it('is not taken from an index that serves another file under its name', async () => {
    const program = `uv-${pinned.version}.data/scripts/uv`;
    for (const { file } of pinned.wheels)
      registry.publishPython('uv', file, toZip({ [program]: '#!/bin/sh\n' }));
    await expect(ensureUv({ dataDir: folder, env: withoutUv() })).rejects.toThrow('than the pinned one');
    expect(existsSync(join(folder, 'tools', `uv-${pinned.version}`, 'uv'))).toBe(false);
  });

  it('says what to do when it cannot be had', async () => {
    const failure = ensureUv({ dataDir: folder, env: withoutUv(), phase: 'resolve' });
    await expect(failure).rejects.toMatchObject({
      code: 'resolve-failed',
      hint: expect.stringContaining('Install uv'),
    });
  });

  it('is pinned for every platform by file name and hash', () => {
    const platforms = pinned.wheels.map(({ platform, arch, libc }) => `${platform} ${arch} ${libc}`);
    expect(new Set(platforms).size).toBe(6);
    for (const { file, sha256 } of pinned.wheels) {
      expect(file).toMatch(new RegExp(`^uv-${pinned.version.replaceAll('.', '\\.')}-py3-none-.*\\.whl$`));
      expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    }
  });
});
