/** What is no package, in a cluster: the controller has the last word on whether it may be. */
import { describe, expect, it } from 'vitest';
import type { McpServerSource, McpServerSpec } from '../../src/cluster/mcp-server.ts';
import { toServerSpec } from '../../src/cluster/server-convert.ts';
import { planProgram } from '../../src/controller/plan-program.ts';
import { parseControllerSettings } from '../../src/controller/settings.ts';

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
    expect(act).toThrow(/MCP_ALLOW_CUSTOM_IMAGES/);
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

it("takes no port of the supervisor's link", () => {
  const spec: McpServerSpec = { source: { image: { image: 'a:1' } }, transport: 'http', port: 8643 };
  expect(() => plan(spec, { carrier: 'network' })).toThrow(expect.objectContaining({ code: 'bad-input' }));
  expect(plan(spec).program).toMatchObject({ kind: 'sidecar', port: 8643 });
});
