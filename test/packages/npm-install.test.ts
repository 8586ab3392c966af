import { describe, expect, it } from 'vitest';
import { countNpmPackages, npmArgs, npmTreeKey } from '../../src/packages/npm-install.ts';
import { currentPlatform, type Platform } from '../../src/packages/platform.ts';
import { pypiTreeKey, uvArgs } from '../../src/packages/pypi-installer.ts';

/** One, and what differs from it in one thing each. */
const HERE: Platform = { platform: 'linux', arch: 'x64', libc: 'glibc', nodeAbi: '137' };
const OTHER_PLATFORMS: readonly Platform[] = [
  HERE,
  { ...HERE, platform: 'darwin' },
  { ...HERE, arch: 'arm64' },
  { ...HERE, libc: 'musl' },
  { ...HERE, nodeAbi: '127' },
];

const COMMON = [
  '--no-audit --no-fund --no-update-notifier --no-progress --color=false --loglevel=error --global=false',
  '--workspaces=false --dry-run=false --offline=false --package-lock=true --omit-lockfile-registry-resolved=true',
  '--install-strategy=hoisted --omit=dev --bin-links=true --allow-git=none --allow-remote=none --allow-file=none',
  '--allow-directory=none --fetch-timeout=300000 --fetch-retry-mintimeout=500 --fetch-retry-maxtimeout=5000 --fetch-retry-factor=3',
].join(' ');

describe('the arguments of the installers are constants', () => {
  it.each([
    ['lock', `install --package-lock-only --prefix=/t --ignore-scripts=true ${COMMON}`],
    ['install', `ci --prefix=/t --ignore-scripts=true ${COMMON}`],
    ['scripts', `rebuild --prefix=/t --ignore-scripts=false --dangerously-allow-all-scripts ${COMMON}`],
  ] as const)('npm %s', (step, line) => {
    expect(npmArgs(step, '/t').join(' ')).toBe(line);
  });

  it.each([
    [
      'resolve',
      'pip compile requirements.in --no-header --no-annotate --python /p --no-python-downloads --only-binary :all: --no-deps',
    ],
    [
      'lock',
      'pip compile requirements.in --no-header --no-annotate --python /p --no-python-downloads --only-binary :all: --generate-hashes --output-file requirements.txt',
    ],
    ['venv', 'venv venv --no-project --python /p --no-python-downloads'],
    [
      'install',
      'pip install --requirement requirements.txt --require-hashes --only-binary :all: --python /t/venv/bin/python --no-python-downloads --compile-bytecode --link-mode copy',
    ],
  ] as const)('uv %s', (step, line) => {
    expect(uvArgs(step, { folder: '/t', python: '/p', builds: false }).join(' ')).toBe(line);
  });

  it('allows builds from source only when asked to', () => {
    for (const step of ['resolve', 'lock', 'install'] as const) {
      expect(uvArgs(step, { folder: '/t', python: '/p', builds: true })).not.toContain('--only-binary');
    }
  });
});

describe('the key of an npm tree', () => {
  const lock = (packages: object) => ({
    'package-lock.json': JSON.stringify({ lockfileVersion: 3, packages }),
  });
  const x = { version: '1.0.0', integrity: 'sha512-a' };

  it('does not depend on where packages are fetched from, nor on the order of members', () => {
    const one = lock({ '': {}, 'node_modules/x': { ...x, resolved: 'http://127.0.0.1:1/x.tgz' } });
    const two = lock({
      'node_modules/x': { resolved: 'http://127.0.0.1:2/x.tgz', integrity: 'sha512-a', version: '1.0.0' },
      '': {},
    });
    expect(npmTreeKey(one, false)).toBe(npmTreeKey(two, false));
  });

  it('depends on every version, every integrity and the scripts flag', () => {
    const keys = [
      npmTreeKey(lock({ 'node_modules/x': x }), false),
      npmTreeKey(lock({ 'node_modules/x': x }), true),
      npmTreeKey(lock({ 'node_modules/x': { ...x, version: '1.0.1' } }), false),
      npmTreeKey(lock({ 'node_modules/x': { ...x, integrity: 'sha512-b' } }), false),
      npmTreeKey(lock({ 'node_modules/x': { ...x, dependencies: { resolved: '^1.0.0' } } }), false),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys[0]).toMatch(/^[0-9a-f]{64}$/);
  });

  it('depends on the Node ABI and the platform', () => {
    const one = lock({ 'node_modules/x': x });
    const keys = OTHER_PLATFORMS.map((platform) => npmTreeKey(one, false, platform));
    expect(new Set(keys).size).toBe(keys.length);
    expect(npmTreeKey(one, false)).toBe(npmTreeKey(one, false, currentPlatform()));
  });

  it('comes with the number of packages', () => {
    expect(countNpmPackages(lock({ '': {}, 'node_modules/x': x, 'node_modules/y': x }))).toBe(2);
  });
});

describe('the key of a Python tree', () => {
  const lock = { 'requirements.txt': 'x==1.0.0 --hash=sha256:a', 'python-tag': 'cp312' };

  it('depends on every version and hash, the Python, the platform and whether packages may be built', () => {
    const keys = [
      ...OTHER_PLATFORMS.slice(0, -1).map((platform) => pypiTreeKey(lock, false, platform)),
      pypiTreeKey({ ...lock, 'requirements.txt': 'x==1.0.1 --hash=sha256:a' }, false, HERE),
      pypiTreeKey({ ...lock, 'requirements.txt': 'x==1.0.0 --hash=sha256:b' }, false, HERE),
      pypiTreeKey({ ...lock, 'python-tag': 'cp313' }, false, HERE),
      pypiTreeKey(lock, true, HERE),
    ];
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('does not depend on the Node that runs the gateway', () => {
    expect(pypiTreeKey(lock, false, { ...HERE, nodeAbi: '127' })).toBe(pypiTreeKey(lock, false, HERE));
  });
});
