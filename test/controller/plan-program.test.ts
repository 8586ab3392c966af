/** What is no package, in a cluster: the controller has the last word on whether it may be. */
import { describe, expect, it } from 'vitest';
import type { McpServerSource, McpServerSpec } from '../../src/cluster/mcp-server.ts';
import { toServerSpec } from '../../src/cluster/server-convert.ts';
import { planMcpServer } from '../../src/controller/plan.ts';
import { planProgram } from '../../src/controller/plan-program.ts';
import { parseControllerSettings } from '../../src/controller/settings.ts';
import { loadCatalogue } from '../../src/templates/catalogue.ts';

const LEAST = {
  release: 'berth',
  releaseNamespace: 'mcp',
  serversNamespace: 'berth-servers',
  images: { supervisor: 's:1', runner: 'r:1' },
  archonImage: 'archon-mcp:1',
};
const OPEN = { images: true, archon: true, scripts: true, remote: true };

const SOURCES = {
  images: { image: { image: 'ghcr.io/acme/mcp:1', entrypoint: ['/srv'] } },
  archon: { archon: {} },
  scripts: { script: { runtime: 'node', code: '1' } },
  remote: { remote: { url: 'https://mcp.example.com/mcp' } },
} as const satisfies Record<string, McpServerSource>;
const KINDS = ['images', 'archon', 'scripts', 'remote'] as const;

const TEMPLATES = new URL('../../registry-templates/', import.meta.url).pathname;
const plan = (resource: McpServerSpec, settings: object = {}) =>
  planProgram(
    resource,
    toServerSpec('x', resource),
    parseControllerSettings({ ...LEAST, allow: OPEN, ...settings }),
  );

describe('the gate of an operator', () => {
  it.each([
    ['images', 'image'],
    ['archon', 'sidecar'],
    ['scripts', 'script'],
    ['remote', 'remote'],
  ] as const)('is for %s alone', (kind, program) => {
    const closed = { allow: { ...OPEN, [kind]: false } };
    for (const other of KINDS) {
      const act = () => plan({ source: SOURCES[other] }, closed).program.kind;
      if (other === kind) expect(act).toThrow(expect.objectContaining({ code: 'not-allowed' }));
      else expect(act).not.toThrow();
    }
    expect(plan({ source: SOURCES[kind] }).program.kind).toBe(program);
  });

  it('is closed for images where nothing is said', () => {
    const act = () => plan({ source: SOURCES.images }, { allow: {} });
    expect(act).toThrow(/allow\.images=false/);
  });
});

describe('the checks of a server', () => {
  it('are those of the settings, where it has none of its own', async () => {
    const templates = await loadCatalogue(TEMPLATES, { cluster: true });
    const health = (settings: object, spec: Pick<McpServerSpec, 'health'> = {}) => {
      const resource = {
        metadata: { name: 'x', namespace: 'n', uid: 'u' },
        spec: { source: SOURCES.remote, ...spec },
      };
      const read = parseControllerSettings({ ...LEAST, allow: OPEN, ...settings });
      return planMcpServer(resource as never, { settings: read, templates }).blueprint().behavior.health;
    };
    expect(health({})).toEqual({});
    expect(health({ health: { interval: '1m', failures: 5 } })).toEqual({ interval: 60_000, failures: 5 });
    const own = health({ health: { interval: '1m' } }, { health: { interval: 0, timeout: 20_000 } });
    expect(own).toEqual({ interval: 0, timeout: 20_000 });
  });
});

describe('an image', () => {
  const of = (image: string, allowedImages: string[]) => () =>
    plan({ source: { image: { image, entrypoint: ['/srv'] } } }, { allowedImages });

  it.each([
    ['ghcr.io/acme/mcp:1', ['ghcr.io/acme/']],
    ['ghcr.io/acme/mcp:1', ['ghcr.io/acme/mcp:']],
    ['ghcr.io/acme/mcp:1', ['ghcr.io/acme/mcp:1']],
    [`ghcr.io/acme/mcp@sha256:${'0'.repeat(64)}`, ['other', 'ghcr.io/acme/mcp@']],
    ['anything', ['*']],
  ])('%s is one of %j', (image, allowed) => {
    expect(of(image, allowed)).not.toThrow();
  });

  it.each([
    ['ghcr.io/acme/mcp:1', []],
    ['ghcr.io/acme/mcp:12', ['ghcr.io/acme/mcp:1']],
    ['ghcr.io/acme-evil/mcp:1', ['ghcr.io/acme']],
    ['evil.example/ghcr.io/acme/mcp:1', ['ghcr.io/acme/']],
    ['ghcr.io/acme/mcp', ['ghcr.io/acme/mcp:']],
  ])('%s is none of %j', (image, allowed) => {
    expect(of(image, allowed)).toThrow(expect.objectContaining({ code: 'not-allowed' }));
  });
});

it.each([
  ['http', 'streamable-http', '/mcp'],
  ['sse', 'sse', '/sse'],
  ['websocket', 'websocket', '/ws'],
] as const)('an image that speaks %s is reached there', (transport, spoken, path) => {
  const spec: McpServerSpec = { source: { image: { image: 'a:1' } }, transport, port: 9000 };
  expect(plan(spec).program).toMatchObject({ kind: 'sidecar', transport: spoken, path, port: 9000 });
});

describe("Archon's server", () => {
  it.each([
    [{}, { transport: 'sse', path: '/sse', port: 8_051 }],
    [
      { ARCHON_MCP_PORT: '9051', TRANSPORT: 'streamable-http' },
      { transport: 'streamable-http', path: '/mcp', port: 9_051 },
    ],
    [{ TRANSPORT: 'sse' }, { transport: 'sse' }],
    [{ TRANSPORT: 'pigeon' }, { transport: 'sse' }],
  ])('is spoken to as its own variables %j say', (env, spoken) => {
    const given = Object.entries(env).map(([name, value]) => ({ name, value }));
    expect(plan({ source: { archon: {} }, env: given }).program).toMatchObject(spoken);
  });

  it('is spoken to as its specification says, whatever its variables do', () => {
    const env = [{ name: 'TRANSPORT', value: 'sse' }];
    expect(plan({ source: { archon: {} }, transport: 'http', env }).program).toMatchObject({
      transport: 'streamable-http',
    });
  });
});

describe('the template archon-core', () => {
  const blueprintOf = async (spec: McpServerSpec) => {
    const metadata = { name: 'knowledge', namespace: 'berth-servers', uid: 'u' };
    const settings = parseControllerSettings({ ...LEAST, allow: OPEN });
    const templates = await loadCatalogue(TEMPLATES, { cluster: true });
    return planMcpServer({ metadata, spec } as never, { settings, templates }).blueprint();
  };

  it("is Archon's server: its image, its probes, and the isolation of the template", async () => {
    const { program, behavior, env } = await blueprintOf({
      template: 'archon-core',
      env: [{ name: 'LOG_LEVEL', value: 'DEBUG' }],
    });
    expect(program).toMatchObject({
      ...{ kind: 'sidecar', transport: 'sse', port: 8_051, healthPath: '/health' },
      image: { image: 'archon-mcp:1' },
    });
    expect(behavior).toMatchObject({ isolation: 'shared', sessions: 'minted' });
    expect(env).toEqual(expect.arrayContaining([{ name: 'LOG_LEVEL', value: 'DEBUG' }]));
    expect((await blueprintOf({ template: 'archon-core', isolation: 'session' })).behavior.isolation).toBe(
      'session',
    );
  });

  it('has in its document the variables that its pod gets', async () => {
    const [found] = (await loadCatalogue(TEMPLATES)).get('archon-core').document.packages ?? [];
    const { env } = await blueprintOf({ template: 'archon-core' });
    expect(found?.environmentVariables).toHaveLength(3);
    for (const { name, default: value } of found?.environmentVariables ?? [])
      expect(env).toContainEqual({ name, value });
  });

  it('is asked where its variable says that it listens, unless its port is given', async () => {
    const given = { template: 'archon-core', env: [{ name: 'ARCHON_MCP_PORT', value: '9051' }] };
    expect((await blueprintOf(given)).program).toMatchObject({ port: 9_051 });
    expect((await blueprintOf({ ...given, port: 9_052 })).program).toMatchObject({ port: 9_052 });
  });

  it('can be given nothing that only a package has', async () => {
    await expect(blueprintOf({ template: 'archon-core', version: '1.0.0' })).rejects.toMatchObject({
      code: 'bad-input',
      message: expect.stringContaining('/version is nothing that archon-core can be given'),
    });
  });
});

it("takes no port of the supervisor's link", () => {
  const spec: McpServerSpec = { source: { image: { image: 'a:1' } }, transport: 'http', port: 8643 };
  expect(() => plan(spec, { carrier: 'network' })).toThrow(expect.objectContaining({ code: 'bad-input' }));
  expect(plan(spec).program).toMatchObject({ kind: 'sidecar', port: 8643 });
});
