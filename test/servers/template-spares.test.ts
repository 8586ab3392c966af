/** Processes that a template wants started before anybody asks, on one machine and in a cluster. */
import { describe, expect, it } from 'vitest';
import { planMcpServer } from '../../src/controller/plan.ts';
import { parseControllerSettings } from '../../src/controller/settings.ts';
import { createRemotePolicy } from '../../src/servers/remote-policy.ts';
import { planServer } from '../../src/servers/server-plan.ts';
import { parseServerSpec } from '../../src/servers/server-spec.ts';
import type { TemplateCatalogue } from '../../src/templates/catalogue.ts';
import { readTemplate } from '../../src/templates/portable.ts';

const SPARES = 2;

const document = (behavior: object) => ({
  $schema: 'https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json',
  name: 'com.example/slow',
  title: 'Slow',
  description: 'Takes long to start',
  version: '1.0.0',
  packages: [{ registryType: 'npm', identifier: 'slow-mcp', version: '1.0.0', transport: { type: 'stdio' } }],
  _meta: {
    'io.modelcontextprotocol.registry/publisher-provided': {
      'dev.berth/template': {
        v: 1,
        slug: 'slow',
        category: 'x',
        tags: [],
        tier: 'official',
        status: 'active',
        behavior,
      },
    },
  },
});
const template = readTemplate(document({ spares: SPARES }));
const templates = { get: () => template, find: () => template } as unknown as TemplateCatalogue;
const settings = parseControllerSettings({
  release: 'berth',
  releaseNamespace: 'mcp',
  serversNamespace: 'berth-servers',
  images: { supervisor: 's:1', runner: 'r:1' },
  limits: { spares: 1, idle: 60_000 },
});
const metadata = { name: 'slow', namespace: 'berth-servers', uid: 'u' };

/** Limits that a server of the template has, by its own. */
const WAYS: Readonly<Record<string, (limits: Record<string, number>) => Partial<Record<string, number>>>> = {
  'on one machine': (limits) =>
    planServer(parseServerSpec({ template: 'slow', limits }), {
      templates,
      allow: { npm: true, pypi: true, remote: true },
      remote: createRemotePolicy([]),
    }).limits,
  'in a cluster': (limits) =>
    planMcpServer({ metadata, spec: { template: 'slow', limits } } as never, {
      settings,
      templates,
    }).blueprint().behavior.limits,
};

describe.each(Object.entries(WAYS))('spares of a template %s', (_where, limitsOf) => {
  it('are those of its servers, whatever is usual here', () => {
    expect(limitsOf({})).toMatchObject({ spares: SPARES });
  });

  it('give way to what a server says itself', () => {
    expect(limitsOf({ spares: 0 })).toMatchObject({ spares: 0 });
  });
});

it('keeps the other limits of the operator', () => {
  expect(WAYS['in a cluster']?.({})).toMatchObject({ idle: 60_000 });
});

it('takes no more than ten', () => {
  expect(() => readTemplate(document({ spares: 11 }))).toThrow(
    expect.objectContaining({ code: 'bad-input' }),
  );
});
