import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BerthError } from '../../src/errors.ts';
import type { PackageSource } from '../../src/packages/package.ts';
import { checkPackageSource, isExactVersion, normalisePypiName } from '../../src/packages/package-source.ts';

function verdict(source: PackageSource): string {
  try {
    checkPackageSource(source);
    return 'accepted';
  } catch (error) {
    expect(error).toBeInstanceOf(BerthError);
    const { code, details } = error as BerthError;
    return `${code} ${details.fields?.[0]?.pointer ?? ''}`;
  }
}

const NPM_ACCEPTED: [name: string, version?: string][] = [
  ['everything'],
  ['@modelcontextprotocol/server-everything'],
  ['a'],
  ['exa-mcp-server', '3.4.1'],
  ['x', '1.2.3-beta.1'],
  ['x', '1.2.3+build.5'],
  ['x', 'v1.2.3'],
  ['x', '^1.2.0'],
  ['x', '~1.2'],
  ['x', '1.x'],
  ['x', '*'],
  ['x', '>=1.0.0'],
  ['x', '^1||^2'],
  ['x', 'latest'],
  ['x', 'next-11'],
];

const NPM_REFUSED_NAMES = [
  ['git', 'git+ssh://host/x.git'],
  ['git, short', 'github:user/repo'],
  ['git, shortest', 'user/repo'],
  ['remote', 'https://127.0.0.1/x.tgz'],
  ['file', './x.tgz'],
  ['directory', '../x'],
  ['directory, absolute', '/etc'],
  ['file URL', 'file:x'],
  ['alias', 'npm:other'],
  ['name with version', 'x@1.2.3'],
  ['alias with name', 'x@npm:y@1'],
  ['workspace', 'workspace:*'],
  ['flag', '--registry=http://127.0.0.1/'],
  ['short flag', '-c'],
  ['scope is a flag', '@-x/y'],
  ['blank', 'x y'],
  ['trailing newline', 'x\n'],
  ['leading newline', '\nx'],
  ['tab', 'x\ty'],
  ['NUL', 'x\0'],
  ['empty', ''],
  ['dot', '.'],
  ['parent', '..'],
  ['traversal in scope', '@a/../b'],
  ['two slashes', '@a/b/c'],
  ['percent', '@a%2fb'],
  ['Cyrillic confusable', 'ехpress'],
  ['full width', 'ｘ'],
  ['right-to-left mark', 'x\u202e'],
  ['upper case', 'Express'],
  ['reserved', 'node_modules'],
  ['hidden', '.bin'],
  ['shell', 'x;id'],
  ['substitution', '$(id)'],
  ['backtick', '`id`'],
  ['pipe', 'x|id'],
  ['too long', 'x'.repeat(215)],
] as const;

const NPM_REFUSED_VERSIONS = [
  ['flag', '-c'],
  ['long flag', '--registry=http://127.0.0.1/'],
  ['range that hides a flag', '1.2.3 --registry=x'],
  ['trailing newline', '1.2.3\n'],
  ['directory', '1.2.3/../../x'],
  ['git', 'git+https://127.0.0.1/x'],
  ['github', 'user/repo'],
  ['remote', 'http://127.0.0.1/x.tgz'],
  ['file', 'file:../x'],
  ['alias', 'npm:other@1'],
  ['link', 'link:../x'],
  ['workspace', 'workspace:*'],
  ['empty', ''],
  ['blank', ' '],
  ['at', '1@2'],
  ['backslash', '1\\2'],
  ['confusable', '１.0.0'],
] as const;

const PYPI_ACCEPTED: [name: string, version?: string][] = [
  ['mcp-server-time'],
  ['Zope.Interface'],
  ['a_b'],
  ['x', '1.0'],
  ['x', '2026.10.19'],
  ['x', '1.0rc1'],
  ['x', '1!2.0.post1'],
  ['x', '1.0+local.1'],
  ['x', '>=1,<2'],
  ['x', '~=1.4'],
  ['x', '==1.*'],
  ['x', '!=1.5'],
  ['x', 'latest'],
];

const PYPI_REFUSED = [
  ['URL', 'x @ https://127.0.0.1/x.whl', undefined],
  ['git URL', 'x@git+https://127.0.0.1/x', undefined],
  ['extras', 'x[all]', undefined],
  ['marker', 'x; python_version > "3"', undefined],
  ['version in the name', 'x==1.0', undefined],
  ['include', '-r', undefined],
  ['option', '--index-url=http://127.0.0.1', undefined],
  ['path', './x', undefined],
  ['absolute path', '/x', undefined],
  ['wheel URL', 'file:///x.whl', undefined],
  ['newline', 'x\n--index-url http://127.0.0.1', undefined],
  ['ends in a dash', 'x-', undefined],
  ['confusable', 'ｒequests', undefined],
  ['version is a URL', 'x', '@https://127.0.0.1/x.whl'],
  ['version is a flag', 'x', '--pre'],
  ['version with marker', 'x', '1.0;python_version>"3"'],
  ['version with newline', 'x', '1.0\n'],
  ['version with a blank', 'x', '>=1, <2'],
  ['arbitrary equality', 'x', '===1.0'],
  ['version is a path', 'x', '1.0/../x'],
  ['no version', 'x', 'abc'],
  ['empty version', 'x', ''],
] as const;

describe('npm sources', () => {
  it.each(NPM_ACCEPTED)('accepts %s %s', (name, version) => {
    const checked = checkPackageSource({
      ecosystem: 'npm',
      name,
      ...(version === undefined ? {} : { version }),
    });
    expect([checked.name, checked.version]).toEqual([name, version]);
  });

  it.each(NPM_REFUSED_NAMES)('refuses a name that is %s', (_what, name) => {
    expect(verdict({ ecosystem: 'npm', name })).toBe('bad-input /name');
  });

  it.each(NPM_REFUSED_VERSIONS)('refuses a version that is %s', (_what, version) => {
    expect(verdict({ ecosystem: 'npm', name: 'x', version })).toBe('bad-input /version');
  });

  it('refuses overrides, which npm has none of, and what is no requirement', () => {
    expect(verdict({ ecosystem: 'npm', name: 'x', overrides: ['y<2'] })).toBe('bad-input /overrides');
    expect(verdict({ ecosystem: 'pypi', name: 'x', overrides: ['-r evil'] })).toBe('bad-input /overrides/0');
  });

  it('refuses constraints, which npm has none of', () => {
    expect(verdict({ ecosystem: 'npm', name: 'x', constraints: ['y<2'] })).toBe('bad-input /constraints');
  });
});

describe('PyPI sources', () => {
  it.each(PYPI_ACCEPTED)('accepts %s %s', (name, version) => {
    expect(verdict({ ecosystem: 'pypi', name, ...(version === undefined ? {} : { version }) })).toBe(
      'accepted',
    );
  });

  it.each(PYPI_REFUSED)('refuses %s', (_what, name, version) => {
    const source = { ecosystem: 'pypi' as const, name, ...(version === undefined ? {} : { version }) };
    expect(verdict(source)).toBe(version === undefined ? 'bad-input /name' : 'bad-input /version');
  });

  it('normalises names, so that spellings cannot be told apart', () => {
    expect(normalisePypiName('Zope__Interface.-x')).toBe('zope-interface-x');
    expect(checkPackageSource({ ecosystem: 'pypi', name: 'MCP_Server.Time' }).name).toBe('mcp-server-time');
  });

  it('takes constraints of name and range only', () => {
    const constraints = ['MCP<2', 'httpx>=0.27,<1', 'anyio'];
    expect(checkPackageSource({ ecosystem: 'pypi', name: 'x', constraints }).constraints).toEqual([
      'mcp<2',
      'httpx>=0.27,<1',
      'anyio',
    ]);
    for (const bad of ['-r x', '--pre', 'x @ http://127.0.0.1/x', 'x\ny', 'x[a]', 'x;os', '', 'x===1']) {
      expect(verdict({ ecosystem: 'pypi', name: 'x', constraints: [bad] })).toBe('bad-input /constraints/0');
    }
  });
});

describe('any source', () => {
  it.each(['-c', '--help', '../x', 'a/b', 'x y', 'x\n', '', '.hidden'])('refuses the program %j', (bin) => {
    expect(verdict({ ecosystem: 'npm', name: 'x', bin })).toBe('bad-input /bin');
  });

  it('never runs scripts unless that is said in so many words', () => {
    const loose = { ecosystem: 'npm', name: 'x', allowInstallScripts: 'yes' } as unknown as PackageSource;
    expect(checkPackageSource(loose).allowInstallScripts).toBe(false);
  });

  it('refuses values that are no text', () => {
    expect(verdict({ ecosystem: 'npm', name: ['x'] } as unknown as PackageSource)).toBe('bad-input /name');
    expect(verdict({ ecosystem: 'npm', name: 'x', version: 1 } as unknown as PackageSource)).toBe(
      'bad-input /version',
    );
  });

  it('accepts nothing with a leading dash, a blank, a control or a foreign character, whatever is sent', () => {
    const harmless = /^[A-Za-z0-9@~^<>=*!][A-Za-z0-9@/~^<>=*!|.,+_-]*$/;
    const nasty = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 30 }),
      fc.stringMatching(/^[-@a-z0-9./:\n =~^*]{1,12}$/),
      fc.constantFrom('-c', '--call', '--node-options=x', '1.2.3\n', '1 --registry=x', '@s/p@1/../../x'),
    );
    fc.assert(
      fc.property(
        fc.constantFrom('npm' as const, 'pypi' as const),
        nasty,
        nasty,
        (ecosystem, name, version) => {
          for (const source of [{ name }, { name: 'x', version }]) {
            if (verdict({ ecosystem, ...source }) !== 'accepted') continue;
            expect(source.name).toMatch(harmless);
            if (source.version !== undefined) expect(source.version).toMatch(harmless);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('tells exact versions from ranges and tags', () => {
    const exact = ['1.2.3', '^1', 'latest', '1.x'].map((version) => isExactVersion('npm', version));
    expect(exact).toEqual([true, false, false, false]);
    expect(['1.2', '>=1'].map((version) => isExactVersion('pypi', version))).toEqual([true, false]);
  });
});
