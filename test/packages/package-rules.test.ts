/** Lists of packages and signatures of a registry, with the real npm against a registry on this machine. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { installAt } from '../../src/packages/install-at.ts';
import type { Packages } from '../../src/packages/package.ts';
import { checkLockAllowed, type PackageRules } from '../../src/packages/package-rules.ts';
import { createPackages } from '../../src/packages/packages.ts';
import { createSigningKey, StandInRegistry } from '../support/stand-in-registry.ts';

let folder: string;
let registry: StandInRegistry;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-rules-'));
  registry = await new StandInRegistry().start();
  registry.publish('dep', '1.0.0');
  registry.publish('@acme/server', '1.0.0', {
    manifest: { bin: 'cli.js', dependencies: { dep: '^1.0.0' } },
    files: { 'cli.js': '' },
  });
});
afterEach(async () => {
  await registry.close();
  await rm(folder, { recursive: true, force: true });
});

const environment = () => ({
  PATH: process.env.PATH ?? '',
  HOME: folder,
  NPM_CONFIG_REGISTRY: registry.url,
  NPM_CONFIG_GLOBALCONFIG: join(folder, 'none'),
});

function withRules(rules: Partial<PackageRules>): Packages {
  return createPackages({
    dataDir: join(folder, 'data'),
    env: environment(),
    rules: { allow: [], block: [], npmSignatures: 'offered', ...rules },
  });
}

const source = { ecosystem: 'npm', name: '@acme/server' } as const;
const install = async (packages: Packages) => await packages.install(await packages.resolve(source));

describe('lists of packages', () => {
  it('what is not allowed is refused before anybody is asked', async () => {
    await expect(withRules({ allow: ['npm:@other/*', 'pypi:*'] }).resolve(source)).rejects.toMatchObject({
      code: 'not-allowed',
      message: 'npm:@acme/server is not among the packages that are allowed here',
      hint: expect.stringContaining('npm:@acme/server to the setting packages.allow'),
    });
    expect(registry.requests).toEqual([]);
    expect((await withRules({ allow: ['@acme/*'] }).resolve(source)).version).toBe('1.0.0');
  });

  it('a version is refused once it is known, also when it was installed before', async () => {
    const resolved = await withRules({}).resolve(source);
    await withRules({}).install(resolved);
    const blocked = {
      code: 'not-allowed',
      message: expect.stringContaining('packages.block: @acme/server@1.*'),
    };
    const rules = withRules({ block: ['@acme/server@1.*'] });
    await expect(rules.resolve(source)).rejects.toMatchObject(blocked);
    await expect(rules.install(resolved)).rejects.toMatchObject(blocked);
    registry.publish('@acme/server', '2.0.0', { manifest: { bin: 'cli.js' }, files: { 'cli.js': '' } });
    expect((await rules.resolve(source)).version).toBe('2.0.0');
  });

  it('nothing that is blocked comes along with another package, now or later', async () => {
    const blocked = {
      code: 'not-allowed',
      message: 'npm:@acme/server@1.0.0 needs npm:dep@1.0.0, which is blocked here (packages.block: dep)',
    };
    const rules = withRules({ block: ['dep'] });
    await expect(install(rules)).rejects.toMatchObject(blocked);
    expect(registry.requests.filter((request) => request.includes('/dep/-/'))).toEqual([]);
    const tree = await install(withRules({ block: ['dep@2.*'] }));
    await expect(rules.install(tree.resolved, { key: tree.key })).rejects.toMatchObject(blocked);
  });

  it('the lock of Python packages is read as well', () => {
    const lock = {
      'requirements.txt':
        'mcp==1.2.0 \\\n    --hash=sha256:00\nlitellm[proxy]==1.107.0 ; python_version>"3" \\\n',
    };
    const root = { ecosystem: 'pypi', name: 'server', version: '1.0' } as const;
    expect(() => checkLockAllowed(root, lock, { block: ['pypi:litellm@1.107.*'] })).toThrow(
      'pypi:server==1.0 needs pypi:litellm==1.107.0, which is blocked here',
    );
    checkLockAllowed(root, lock, { block: ['pypi:litellm@1.106.*', 'npm:mcp'] });
  });

  it('installers in a cluster hold to them', async () => {
    const options = {
      ...{ folder: join(folder, 'tree'), work: join(folder, 'work'), home: folder, env: environment() },
      say: () => {},
    };
    const rules = { allow: [], block: ['dep'], npmSignatures: 'offered' } as const;
    await expect(installAt(source, { ...options, rules })).rejects.toMatchObject({
      code: 'not-allowed',
      details: { phase: 'install' },
    });
  });
});

describe('signatures of an npm registry', () => {
  const signature = async (rules: Partial<PackageRules> = {}) =>
    (await withRules(rules).resolve(source)).signature;
  const forged = (how: string) => ({
    code: 'resolve-failed',
    message: `npm:@acme/server@1.0.0 is signed ${how}`,
    details: { phase: 'resolve' },
  });

  it('are verified where the registry has keys', async () => {
    registry.signWith([createSigningKey()]);
    expect(await signature({ npmSignatures: 'required' })).toBe('verified');
    expect(registry.requests).toContain('GET /-/npm/v1/keys');
  });

  it('are unknown where it has none, and nobody is asked for keys without one', async () => {
    expect(await signature()).toBe('unknown');
    expect(registry.requests).not.toContain('GET /-/npm/v1/keys');
    registry.signWith([createSigningKey()], { offered: false });
    expect(await signature()).toBe('unknown');
    // A mirror that passes on what another registry signed.
    const offers = createSigningKey();
    registry.signWith([offers, createSigningKey()], { offered: true });
    expect(await signature({ npmSignatures: 'off' })).toBe('unknown');
  });

  it('of somebody else under the name of a key are refused', async () => {
    const real = createSigningKey();
    const other = createSigningKey();
    registry.signWith([{ ...real, privateKey: other.privateKey }]);
    await expect(signature()).rejects.toMatchObject(forged('otherwise than the registry signs'));
    expect(await signature({ npmSignatures: 'off' })).toBe('unknown');
  });

  it('of a key that had expired are refused', async () => {
    registry.publishedAt = '2026-11-02T00:00:00Z';
    registry.signWith([createSigningKey('2026-11-01T00:00:00Z')]);
    await expect(signature()).rejects.toMatchObject(
      forged('with a key that had expired before it was published'),
    );
    registry.publishedAt = '2026-10-02T00:00:00Z';
    expect(await signature()).toBe('verified');
  });

  it('where they are required, a package without one is refused', async () => {
    await expect(signature({ npmSignatures: 'required' })).rejects.toMatchObject({
      code: 'not-allowed',
      message: 'npm:@acme/server@1.0.0 has no signature that can be checked',
    });
  });
});

describe('signatures of all that was installed', () => {
  const look = async (rules: Partial<PackageRules> = {}) => {
    const packages = withRules(rules);
    return await packages.signatures(await install(packages), new AbortController().signal);
  };

  it('are verified for each package', async () => {
    registry.signWith([createSigningKey()]);
    expect(await look()).toEqual({ total: 2, verified: 2, forged: [] });
  });

  it('are told by an installer in a cluster that is asked for them', async () => {
    registry.signWith([createSigningKey()]);
    const installed = async (place: string, signatures: boolean) => {
      const options = { folder: join(folder, place), work: join(folder, `${place}-work`), home: folder };
      await mkdir(options.folder);
      return await installAt(source, { ...options, signatures, env: environment(), say: () => {} });
    };
    expect((await installed('asked', true)).signatures).toEqual({ total: 2, verified: 2, forged: [] });
    expect((await installed('not', false)).signatures).toBeUndefined();
  });

  it('are unknown where the registry has no keys, and no document is fetched for it', async () => {
    const packages = withRules({});
    const tree = await install(packages);
    const before = registry.requests.length;
    expect(await packages.signatures(tree, new AbortController().signal)).toEqual({
      total: 2,
      verified: 0,
      forged: [],
    });
    expect(registry.requests.slice(before)).toEqual(['GET /-/npm/v1/keys']);
    expect(await look({ npmSignatures: 'off' })).toBeUndefined();
  });

  it('of a dependency that is signed by somebody else are named', async () => {
    const real = createSigningKey();
    registry.signWith([real]);
    const packages = withRules({});
    const tree = await install(packages);
    const other = createSigningKey();
    registry.signWith([{ ...real, privateKey: other.privateKey }]);
    expect(await packages.signatures(tree, new AbortController().signal)).toEqual({
      total: 2,
      verified: 0,
      forged: ['@acme/server@1.0.0', 'dep@1.0.0'],
    });
  });
});
