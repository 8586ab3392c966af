import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BerthError } from '../../src/errors.ts';
import { deriveServerName } from '../../src/servers/server-name.ts';
import { isSameSpec, parseServerSpec } from '../../src/servers/server-spec.ts';

function faultsOf(body: unknown): { pointer: string; detail: string }[] {
  try {
    parseServerSpec(body);
  } catch (error) {
    expect(error).toBeInstanceOf(BerthError);
    expect(error).toMatchObject({ code: 'bad-input' });
    return [...((error as BerthError).details.fields ?? [])];
  }
  return [];
}

const pointersOf = (body: unknown) => faultsOf(body).map(({ pointer }) => pointer);
const npm = (name: string, version?: string) => ({
  source: { npm: { name, ...(version !== undefined && { version }) } },
});

describe('a server specification', () => {
  it('accepts the two examples of the design', () => {
    expect(parseServerSpec({ name: 'files', template: 'filesystem', args: ['/tmp'] })).toEqual({
      name: 'files',
      template: 'filesystem',
      args: ['/tmp'],
      env: {},
      secrets: {},
      limits: {},
    });
    const spec = parseServerSpec({
      name: 'everything',
      ...npm('@modelcontextprotocol/server-everything', '2026.8.31'),
      isolation: 'session',
    });
    expect(spec.source?.npm?.version).toBe('2026.8.31');
  });

  it('takes its name from the template or the package', () => {
    expect(parseServerSpec({ template: 'time' }).name).toBe('time');
    expect(parseServerSpec(npm('@modelcontextprotocol/server-everything')).name).toBe('everything');
  });

  it.each([
    ['@playwright/mcp', 'playwright'],
    ['mcp-server-time', 'time'],
    ['@brave/brave-search-mcp-server', 'brave-search'],
    ['mcp_server_git', 'git'],
    ['@a/server', 'a'],
    ['tavily-mcp', 'tavily'],
  ])('derives %s to %s', (name, expected) => {
    expect(deriveServerName(name)).toBe(expected);
  });

  it('names every unknown field by its pointer', () => {
    expect(pointersOf({ template: 'time', command: 'sh', nested: { a: 1 } })).toEqual([
      '/command',
      '/nested',
    ]);
    expect(pointersOf({ source: { npm: { name: 'a', registry: 'http://x' } } })).toEqual([
      '/source/npm/registry',
    ]);
    expect(pointersOf({ source: { docker: {} } })).toContain('/source/docker');
  });

  it('wants exactly one of template and source, and of npm and pypi', () => {
    expect(faultsOf({})[0]?.detail).toBe('needs exactly one of template and source');
    expect(faultsOf({ template: 'time', ...npm('a') })[0]?.detail).toBe(
      'needs exactly one of template and source',
    );
    expect(pointersOf({ source: {} })).toEqual(['/source']);
    expect(pointersOf({ source: { npm: { name: 'a' }, pypi: { name: 'a' } } })).toEqual(['/source']);
    expect(pointersOf({ ...npm('a'), version: '1.0.0' })).toEqual(['/version']);
  });

  it.each(['', '-a', 'a-', 'A', 'a_b', 'a.b', 'a'.repeat(53), 'a\n', 'ä'])('refuses the name %j', (name) => {
    expect(pointersOf({ name, template: 'time' })).toEqual(['/name']);
  });

  it.each([
    '-c',
    '--registry=http://x',
    'a b',
    '../a',
    'a\n',
    'http://x/y.tgz',
    'git+ssh://x',
    'a@npm:b',
    '@a',
    'a/b',
    '',
  ])('refuses the npm name %j', (name) => {
    expect(pointersOf(npm(name))).toEqual(['/source/npm/name']);
  });

  it.each(['-c', '1.2.3 --registry=x', '1.2.3/../../x', '1.2.3\n', 'file:x', 'git+https://x', ''])(
    'refuses the version %j',
    (version) => {
      expect(pointersOf(npm('a', version))).toEqual(['/source/npm/version']);
    },
  );

  it.each([
    'NODE_OPTIONS',
    'node_options',
    'npm_config_registry',
    'UV_INDEX_URL',
    'PYTHONPATH',
    'LD_PRELOAD',
    'PATH',
    'HOME',
    'https_proxy',
    'BASH_ENV',
    'A B',
    '',
  ])('refuses the variable %j, as value and as secret', (name) => {
    expect(pointersOf({ template: 'time', env: { [name]: 'x' } })).toEqual([`/env/${name}`]);
    expect(pointersOf({ template: 'time', secrets: { [name]: 'env:X' } })).toEqual([`/secrets/${name}`]);
  });

  it('takes secrets as references in either form, and repeats no literal', () => {
    const secrets = { A: 'env:X', B: 'file:/run/b', C: { fromEnv: 'Y' }, D: { fromFile: '/run/d' } };
    expect(parseServerSpec({ template: 'time', secrets }).secrets).toEqual({
      A: { fromEnv: 'X' },
      B: { fromFile: '/run/b' },
      C: { fromEnv: 'Y' },
      D: { fromFile: '/run/d' },
    });
    for (const literal of [
      'canary',
      'env:canary value',
      'file:canary',
      { fromEnv: 'canary value' },
      { value: 'canary' },
    ]) {
      const faults = faultsOf({ template: 'time', secrets: { KEY: literal } });
      expect(faults.length).toBeGreaterThan(0);
      expect(JSON.stringify(faults)).not.toContain('canary');
    }
  });

  it("does not hand Berth's own variables to a server", () => {
    expect(pointersOf({ template: 'time', secrets: { KEY: 'env:BERTH_KEY' } })).toEqual(['/secrets/KEY']);
  });

  it('refuses a variable that is given twice, NUL characters and limits out of range', () => {
    expect(pointersOf({ template: 'time', env: { A: '1' }, secrets: { A: 'env:X' } })).toEqual(['/env/A']);
    expect(pointersOf({ template: 'time', args: ['a\0b'] })).toEqual(['/args/0']);
    expect(pointersOf({ template: 'time', limits: { sessions: 0, idle: 1.5, colour: 1 } }).sort()).toEqual([
      '/limits/colour',
      '/limits/idle',
      '/limits/sessions',
    ]);
  });

  it('takes no amount of bytes in thousandths', () => {
    const resources = { limits: { cpu: '500m', memory: '512m' }, requests: { memory: '512Mi' } };
    expect(faultsOf({ template: 'time', resources })).toEqual([
      { pointer: '/resources/limits/memory', detail: 'must be an amount of bytes such as 512Mi or 2Gi' },
    ]);
  });

  it('refuses anything that is no object', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(faultsOf(value).length).toBeGreaterThan(0);
      }),
      { numRuns: 200 },
    );
  });

  it('refuses every further member, whatever it is called', () => {
    const known = new Set([
      'name',
      'template',
      'source',
      'version',
      'bin',
      'args',
      'env',
      'secrets',
      'isolation',
      'sessions',
      'limits',
    ]);
    const extra = fc.string({ minLength: 1 }).filter((key) => !known.has(key) && key !== '__proto__');
    fc.assert(
      fc.property(extra, fc.jsonValue(), (key, value) => {
        expect(faultsOf({ template: 'time', [key]: value })).toHaveLength(1);
      }),
      { numRuns: 300 },
    );
  });

  it('is the same whatever the order of its members', () => {
    const a = parseServerSpec({ template: 'time', env: { A: '1', B: '2' }, name: 'x' });
    const b = parseServerSpec({ name: 'x', env: { B: '2', A: '1' }, template: 'time' });
    expect(isSameSpec(a, b)).toBe(true);
    expect(isSameSpec(a, parseServerSpec({ name: 'x', template: 'time', env: { A: '1' } }))).toBe(false);
    expect(
      isSameSpec(
        parseServerSpec({ template: 'time', args: ['a', 'b'] }),
        parseServerSpec({ template: 'time', args: ['b', 'a'] }),
      ),
    ).toBe(false);
  });
});
