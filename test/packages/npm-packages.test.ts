import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PackageProgress, PackageSource, Packages } from '../../src/packages/package.ts';
import { createPackages } from '../../src/packages/packages.ts';
import { runProgram } from '../../src/packages/run-program.ts';
import { StandInRegistry } from '../support/stand-in-registry.ts';

const PROGRAM = { bin: { server: 'cli.js' } };
const says = (text: string) => ({
  'cli.js': `#!/usr/bin/env node\nprocess.stdout.write(${JSON.stringify(text)});\n`,
});

let folder: string;
let registry: StandInRegistry;
let packages: Packages;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-npm-'));
  registry = await new StandInRegistry().start();
  packages = newPackages();
});

afterEach(async () => {
  await registry.close();
  await rm(folder, { recursive: true, force: true });
});

/** Another gateway on the same data. */
function newPackages(env: Record<string, string> = {}): Packages {
  return createPackages({
    dataDir: join(folder, 'data'),
    env: {
      PATH: process.env.PATH ?? '',
      HOME: folder,
      NPM_CONFIG_REGISTRY: registry.url,
      NPM_CONFIG_GLOBALCONFIG: join(folder, 'none'),
      ...env,
    },
  });
}

async function install(source: Omit<PackageSource, 'ecosystem'>) {
  return await packages.install(await packages.resolve({ ecosystem: 'npm', ...source }));
}

async function run(tree: Awaited<ReturnType<typeof install>>, args: string[] = []): Promise<string> {
  const launch = packages.launch(tree, { args, env: {}, home: join(folder, 'home') });
  return (await runProgram(launch)).stdout;
}

function tarballs(): number {
  return registry.requests.filter((request) => request.endsWith('.tgz')).length;
}

describe('an npm package', () => {
  it('whose archive names files outside of it writes none there', async () => {
    const climbs = (name: string) => [
      `../${name}`,
      `../../${name}`,
      `../../../../../../${name}`,
      `a/../../../${name}`,
    ];
    const files = Object.fromEntries(climbs('escaped.js').map((name) => [name, 'escaped']));
    registry.publish('climber', '1.0.0', { manifest: PROGRAM, files: { ...says('stays inside'), ...files } });
    expect(await run(await install({ name: 'climber' }))).toBe('stays inside');
    const everything = await readdir(folder, { recursive: true });
    expect(everything.filter((name) => name.endsWith('cli.js'))).not.toEqual([]);
    expect(everything.filter((name) => name.includes('escaped'))).toEqual([]);
    for (const name of climbs('escaped.js')) expect(existsSync(join(folder, name))).toBe(false);
  });

  it('installs where the registry lacks optional builds for other platforms', async () => {
    registry.publish('own-build', '1.0.0', { files: { 'index.js': 'module.exports = "from own-build";' } });
    registry.publish('main', '1.0.0', {
      manifest: {
        ...PROGRAM,
        optionalDependencies: { 'own-build': '1.0.0', 'build-for-elsewhere': '1.0.0' },
      },
      files: { 'cli.js': '#!/usr/bin/env node\nprocess.stdout.write(require("own-build"));\n' },
    });
    expect(await run(await install({ name: 'main' }))).toBe('from own-build');
  });

  it('runs from its tree with its dependencies', async () => {
    registry.publish('dep', '1.4.0', { files: { 'index.js': 'module.exports = "from dep";' } });
    registry.publish('server', '1.0.0', {
      manifest: { ...PROGRAM, dependencies: { dep: '^1.0.0' } },
      files: {
        'cli.js': '#!/usr/bin/env node\nprocess.stdout.write(require("dep") + process.argv.slice(2));',
      },
    });
    const tree = await install({ name: 'server' });
    expect(tree).toMatchObject({
      resolved: { name: 'server', version: '1.0.0' },
      program: { file: process.execPath },
    });
    expect(await run(tree, ['--registry=x', '-c'])).toBe('from dep--registry=x,-c');
  });

  it('is installed once by parallel first starts, also of two gateways', async () => {
    registry.publish('server', '1.0.0', { manifest: PROGRAM, files: says('hello') });
    const resolved = await packages.resolve({ ecosystem: 'npm', name: 'server' });
    const other = newPackages();
    const trees = await Promise.all([packages, packages, other].map((each) => each.install(resolved)));
    expect(new Set(trees.map((tree) => tree.key)).size).toBe(1);
    expect(tarballs()).toBe(1);
  });

  it('starts again without any network', async () => {
    registry.publish('server', '1.0.0', { manifest: PROGRAM, files: says('hello') });
    const tree = await install({ name: 'server' });
    await registry.close();
    packages = newPackages();
    expect(await run(await packages.install(tree.resolved, { key: tree.key }))).toBe('hello');
    expect(await run(await packages.install(tree.resolved))).toBe('hello');
    await expect(packages.resolve({ ecosystem: 'npm', name: 'server' })).rejects.toMatchObject({
      code: 'resolve-failed',
      details: { phase: 'resolve' },
    });
  });

  it('stays what it was when newer and malicious versions are published', async () => {
    registry.publish('dep', '1.0.0', { files: { 'index.js': 'module.exports = "good";' } });
    const manifest = { ...PROGRAM, dependencies: { dep: '^1.0.0' } };
    const cli = { 'cli.js': '#!/usr/bin/env node\nprocess.stdout.write(require("dep"));' };
    registry.publish('server', '1.0.0', { manifest, files: cli });
    const tree = await install({ name: 'server', version: '^1.0.0' });
    registry.publish('dep', '1.0.1', { files: { 'index.js': 'module.exports = "evil";' } });
    registry.publish('server', '1.0.1', { manifest, files: says('evil') });
    expect(await run(await newPackages().install(tree.resolved, { key: tree.key }))).toBe('good');
    // Even after its tree was collected it comes back from its lock.
    await packages.collect({ keep: new Set(), maxBytes: 0, maxAgeDays: 1 });
    expect(existsSync(tree.path)).toBe(false);
    const again = await packages.install(tree.resolved, { key: tree.key });
    expect([again.key, await run(again)]).toEqual([tree.key, 'good']);
  });

  it('is refused when the registry serves other bytes than those that were resolved', async () => {
    registry.publish('server', '1.0.0', { manifest: PROGRAM, files: says('good') });
    const resolved = await packages.resolve({ ecosystem: 'npm', name: 'server' });
    registry.publish('server', '1.0.0', { manifest: PROGRAM, files: says('evil') });
    await expect(packages.install(resolved)).rejects.toMatchObject({
      code: 'install-failed',
      message: 'the registry now serves another server@1.0.0',
    });
  });

  it('is made anew when its tree was left half-written', async () => {
    registry.publish('server', '1.0.0', { manifest: PROGRAM, files: says('whole') });
    const tree = await install({ name: 'server' });
    await rm(join(tree.path, 'berth-tree.json'));
    await writeFile(join(tree.path, 'node_modules', 'server', 'cli.js'), 'half');
    expect(await run(await newPackages().install(tree.resolved, { key: tree.key }))).toBe('whole');
  });
});

describe('lifecycle scripts', () => {
  const NAMES = [
    'preinstall',
    'install',
    'postinstall',
    'prepare',
    'prepublish',
    'preprepare',
    'postprepare',
    'dependencies',
  ];

  function publishScripted(): string {
    const traces = join(folder, 'traces');
    const scripts = Object.fromEntries(
      NAMES.map((name) => [name, `mkdir -p ${traces}/${name}; env > ${traces}/env`]),
    );
    registry.publish('dep', '1.0.0', { manifest: { scripts }, files: { 'binding.gyp': '{}' } });
    const manifest = { ...PROGRAM, scripts, dependencies: { dep: '1.0.0' } };
    registry.publish('server', '1.0.0', { manifest, files: says('hello') });
    return traces;
  }

  it('are not run, neither of the package nor of its dependencies, whatever the user configured', async () => {
    const traces = publishScripted();
    await writeFile(join(folder, '.npmrc'), 'ignore-scripts=false\ndangerously-allow-all-scripts=true\n');
    expect(await run(await install({ name: 'server' }))).toBe('hello');
    expect(existsSync(traces)).toBe(false);
  });

  it('are run where that is allowed, into another tree, without credentials', async () => {
    const traces = publishScripted();
    const plain = await install({ name: 'server', version: '1.0.0' });
    registry.publish('dep', '1.0.0', {
      manifest: { scripts: { postinstall: `mkdir -p ${traces}; env > ${traces}/env` } },
    });
    packages = newPackages({ NPM_CONFIG_SOME_TOKEN: 'secret', AWS_SECRET: 'secret' });
    const scripted = await install({ name: 'server', allowInstallScripts: true });
    expect(scripted.key).not.toBe(plain.key);
    expect(await readdir(traces)).toContain('env');
    const { stdout } = await runProgram({ file: '/bin/cat', args: [join(traces, 'env')], env: {}, cwd: '/' });
    expect(stdout).not.toContain('secret');
  });
});

describe('a dependency that is not from the registry', () => {
  it.each([
    ['git', 'git+https://127.0.0.1:9/x.git', 'EALLOWGIT'],
    ['remote', 'http://127.0.0.1:9/x.tgz', 'EALLOWREMOTE'],
    ['file', 'file:../../../../etc', 'EALLOW'],
  ])('is refused: %s', async (_what, spec, code) => {
    registry.publish('server', '1.0.0', {
      manifest: { ...PROGRAM, dependencies: { dep: spec } },
      files: says('x'),
    });
    const failure = await install({ name: 'server' }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'install-failed', details: { phase: 'install' } });
    expect((failure as { details: { stderr: string[] } }).details.stderr.join('\n')).toContain(code);
  });
});

describe('what a caller sends', () => {
  it('never reaches a registry when it is no package', async () => {
    const evil = await new StandInRegistry().start();
    const flags = [
      `--registry=${evil.url}`,
      `${evil.url}x.tgz`,
      `git+${evil.url}x`,
      '-c',
      '--call=id',
      `x --registry=${evil.url}`,
    ];
    for (const flag of flags) {
      await expect(packages.resolve({ ecosystem: 'npm', name: flag })).rejects.toMatchObject({
        code: 'bad-input',
      });
      await expect(packages.resolve({ ecosystem: 'npm', name: 'x', version: flag })).rejects.toMatchObject({
        code: 'bad-input',
      });
      const resolved = { ecosystem: 'npm' as const, name: 'x', allowInstallScripts: false, constraints: [] };
      await expect(packages.install({ ...resolved, version: flag })).rejects.toMatchObject({
        code: 'bad-input',
      });
    }
    await evil.close();
    expect([evil.requests, registry.requests]).toEqual([[], []]);
  });

  it('is installed by its exact version only', async () => {
    const resolved = {
      ecosystem: 'npm' as const,
      name: 'x',
      version: '^1',
      allowInstallScripts: false,
      constraints: [],
    };
    await expect(packages.install(resolved)).rejects.toMatchObject({ code: 'bad-input' });
  });
});

describe('a failure', () => {
  it('to find a package says so', async () => {
    await expect(packages.resolve({ ecosystem: 'npm', name: 'no-such' })).rejects.toMatchObject({
      code: 'resolve-failed',
      message: 'the registry has no npm package no-such',
    });
  });

  it('of the installer has phase, exit code and its last lines', async () => {
    registry.publish('server', '1.0.0', { manifest: { ...PROGRAM, dependencies: { 'no-such': '1.0.0' } } });
    const failure = await install({ name: 'server' }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'install-failed', details: { phase: 'install', exitCode: 1 } });
    expect((failure as { details: { stderr: string[] } }).details.stderr.join('\n')).toContain('no-such');
  });

  it('to find a program lists the programs', async () => {
    const manifest = { bin: { one: 'cli.js', two: 'other.js' } };
    registry.publish('server', '1.0.0', { manifest, files: { ...says('x'), 'other.js': '' } });
    await expect(install({ name: 'server' })).rejects.toMatchObject({ hint: 'Set bin to one of: one, two.' });
    expect(await run(await install({ name: 'server', bin: 'one' }))).toBe('x');
  });

  it('never shows credentials', async () => {
    await registry.close();
    packages = newPackages({ NPM_CONFIG_REGISTRY: registry.url.replace('//', '//user:pa55word@') });
    const failure = (await packages
      .resolve({ ecosystem: 'npm', name: 'x' })
      .catch((error: unknown) => error)) as Error;
    expect(failure.message).not.toContain('pa55word');
  });

  it('by the caller giving up keeps the reason and leaves no tree', async () => {
    registry.publish('server', '1.0.0', { manifest: PROGRAM, files: says('x') });
    const resolved = await packages.resolve({ ecosystem: 'npm', name: 'server' });
    const abort = new AbortController();
    const progress = ({ text }: PackageProgress) =>
      text.startsWith('installing') && abort.abort(new Error('enough'));
    await expect(packages.install(resolved, { signal: abort.signal, progress })).rejects.toThrow('enough');
    expect(
      (await readdir(join(folder, 'data', 'trees'))).filter((name) => /^[0-9a-f]{64}$/.test(name)),
    ).toEqual([]);
  });
});

it("uses the registry and the credentials that the user's .npmrc gives a scope", async () => {
  const corp = await new StandInRegistry().start();
  corp.publish('@corp/server', '1.0.0', { manifest: PROGRAM, files: says('corp') });
  const host = new URL(corp.url).host;
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, '.npmrc'), `@corp:registry=${corp.url}\n//${host}/:_authToken=t0ken\n`);
  const tree = await install({ name: '@corp/server' });
  expect([await run(tree), corp.authorization]).toEqual(['corp', 'Bearer t0ken']);
  expect(registry.requests).toEqual([]);
  await corp.close();
});

it('tells what goes on', async () => {
  registry.publish('server', '1.0.0', { manifest: PROGRAM, files: says('x') });
  const seen: PackageProgress[] = [];
  const progress = (one: PackageProgress) => void seen.push(one);
  const resolved = await packages.resolve({ ecosystem: 'npm', name: 'server' }, { progress });
  await packages.install(resolved, { progress });
  expect(seen.map(({ phase, text }) => `${phase}: ${text}`)).toEqual([
    'resolve: resolving server',
    'install: resolving the dependencies of server@1.0.0',
    'install: 1 packages to install',
    'install: installing server@1.0.0',
    'install: installed server@1.0.0',
  ]);
});
