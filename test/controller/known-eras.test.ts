/** What replicas have shown to speak is handed on, to later ones of the same configuration, and never makes new pods of those that run. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { McpServerSpec } from '../../src/cluster/mcp-server.ts';
import type { Secret } from '../../src/cluster/objects/config-secret.ts';
import { DEPLOYMENTS, SECRETS } from '../../src/cluster/resources.ts';
import { ERAS_ANNOTATION } from '../../src/controller/known-eras.ts';
import type { ReplicaReport } from '../../src/controller/replica-probe.ts';
import { NAMESPACE, ServerWorld } from '../support/server-world.ts';

const SPEC: McpServerSpec = { source: { npm: { name: '@modelcontextprotocol/server-everything' } } };
const LEGACY: ReplicaReport = {
  sessions: 0,
  inUse: false,
  protocolVersion: '2025-11-25',
  eras: ['legacy'],
  conclusive: true,
};

let world: ServerWorld;
let spec: McpServerSpec;

/** What the pods of the newest template read. */
function configuration(): { readonly knownEras?: readonly string[] } {
  const label = world.deployment.spec.template.metadata.labels?.['berth.dev/generation'];
  const secret = world.cluster
    .list<Secret>(SECRETS)
    .find(({ metadata }) => metadata.name?.endsWith(`-${label}`));
  const text = Buffer.from(secret?.data['supervisor.json'] ?? '', 'base64').toString('utf8');
  return (JSON.parse(text) as { servers: [{ knownEras?: string[] }] }).servers[0];
}

const known = (): readonly string[] | undefined => configuration().knownEras;

async function start(given: McpServerSpec, report: ReplicaReport): Promise<void> {
  spec = given;
  world = new ServerWorld();
  world.settings = { ...world.settings, allow: { ...world.settings.allow, scripts: true } };
  world.apply(spec);
  await world.settle();
  world.reports.set('*', report);
  await world.settle();
}

async function stop(): Promise<void> {
  world.apply({ ...spec, suspend: true });
  await world.settle();
}

async function startAgain(): Promise<void> {
  world.apply(spec);
  await world.settle();
}

describe('what a server speaks', () => {
  beforeEach(() => start(SPEC, LEGACY));

  it('is handed on at its next start; what pods are made from is as it was until then', async () => {
    const { template } = world.deployment.spec;
    expect(known()).toBeUndefined();
    await stop();
    expect(world.deployment.spec.template).toEqual(template);
    await startAgain();
    expect(known()).toEqual(['legacy']);
    const { template: knowing } = world.deployment.spec;
    await stop();
    expect(world.deployment.spec.template).toEqual(knowing);
  });

  it('makes no new pods ever after', async () => {
    await stop();
    await startAgain();
    const { template } = world.deployment.spec;
    world.reports.delete('*');
    world.restart();
    for (const replicas of [3, 1]) {
      world.apply({ ...spec, replicas });
      await world.settle();
      expect(world.deployment.spec.template).toEqual(template);
    }
    await stop();
    await startAgain();
    expect(world.deployment.spec.template).toEqual(template);
  });

  it('makes no second new pods when it is woken before the watch has shown that it sleeps', async () => {
    const before = structuredClone(world.view);
    world.apply({ ...spec, suspend: true });
    await world.look();
    world.lagging = before;
    world.apply(spec);
    await world.look();
    expect([known(), world.deployment.spec.replicas]).toEqual([['legacy'], 1]);
    const { template } = world.deployment.spec;
    world.lagging = undefined;
    await world.settle();
    expect(world.deployment.spec.template).toEqual(template);
  });

  it('leaves no Secret of before', async () => {
    await stop();
    await startAgain();
    const names = world.cluster.list(SECRETS).map(({ metadata }) => metadata.name);
    expect(names).toHaveLength(1);
  });

  it('is forgotten with the configuration that it was of', async () => {
    await stop();
    spec = { ...spec, args: ['--other'] };
    await startAgain();
    expect(known()).toBeUndefined();
    expect(world.deployment.metadata.annotations?.[ERAS_ANNOTATION]).toBeUndefined();
  });

  it('is that of the new configuration where both were changed at once', async () => {
    world.apply({ ...spec, args: ['--other'], suspend: true });
    await world.settle();
    world.apply({ ...spec, args: ['--other'] });
    await world.settle();
    expect(known()).toBeUndefined();
  });

  it.each([
    ['is put right', true, ['legacy', 'modern']],
    ['is not known', undefined, undefined],
  ] as const)('%s when replicas find other eras (conclusive: %s)', async (_what, conclusive, expected) => {
    await stop();
    await startAgain();
    const { conclusive: _, ...rest } = LEGACY;
    world.reports.set('*', { ...rest, eras: ['legacy', 'modern'], ...(conclusive && { conclusive }) });
    await world.look();
    expect(known()).toEqual(['legacy']);
    await stop();
    await startAgain();
    expect(known()).toEqual(expected);
  });

  it('counts for nothing when the note of it is illegible', async () => {
    await stop();
    const { metadata } = world.deployment;
    const annotations = { ...metadata.annotations, [ERAS_ANNOTATION]: '{"of":1}' };
    world.cluster.put(DEPLOYMENTS, {
      ...world.deployment,
      metadata: { ...metadata, namespace: NAMESPACE, annotations },
    });
    await startAgain();
    expect(known()).toBeUndefined();
  });
});

describe('nothing is handed on', () => {
  it.each<readonly [string, McpServerSpec, ReplicaReport]>([
    ['that was not answered', SPEC, { ...LEGACY, conclusive: false }],
    ['by a supervisor of before', SPEC, { sessions: 0, inUse: false, eras: ['legacy'] }],
    ['by a replica that has not said', SPEC, { sessions: 0, inUse: false }],
    [
      'of an image whose tag may be another one tomorrow',
      { source: { image: { image: 'ghcr.io/acme/mcp:1', entrypoint: ['/mcp'] } } },
      LEGACY,
    ],
    [
      'of an image that is reached by a URL',
      { source: { image: { image: `a/b@${digest()}` } }, transport: 'http' },
      LEGACY,
    ],
    ['of a remote server', { source: { remote: { url: 'https://mcp.example.com/mcp' } } }, LEGACY],
  ])('%s', async (_what, given, report) => {
    await start(given, report);
    await stop();
    await startAgain();
    expect(known()).toBeUndefined();
  });
});

it.each<readonly [string, McpServerSpec]>([
  ['a script', { source: { script: { runtime: 'node', code: 'serve()' } } }],
  ['an image by its digest', { source: { image: { image: `a/b@${digest()}`, entrypoint: ['/mcp'] } } }],
])('of %s is handed on', async (_what, given) => {
  await start(given, LEGACY);
  await stop();
  await startAgain();
  expect(known()).toEqual(['legacy']);
});

function digest(): string {
  return `sha256:${'0'.repeat(64)}`;
}
