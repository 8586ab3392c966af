/** What the controller makes of an MCPServer that is there only until its package has been tried, and that it removes it at its time. */
import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { type InspectionMark, inspectionMeta, inspectionOf } from '../../src/cluster/inspection.ts';
import type { McpServer, McpServerSpec } from '../../src/cluster/mcp-server.ts';
import { METRICS_PORT } from '../../src/cluster/objects/blueprint.ts';
import { type KubeObject, MCP_SERVERS, NETWORK_POLICIES, SECRETS } from '../../src/cluster/resources.ts';
import { Controller } from '../../src/controller/controller.ts';
import { recordedTree } from '../../src/controller/installation.ts';
import { planMcpServer } from '../../src/controller/plan.ts';
import { createLog } from '../../src/log/log.ts';
import { loadCatalogue } from '../../src/templates/catalogue.ts';
import { TEMPLATES } from '../servers/doubles.ts';
import { tree } from '../support/blueprints.ts';
import { controllerSettings, NAME, ServerWorld } from '../support/server-world.ts';

const PACKAGE: McpServerSpec = {
  source: { npm: { name: '@modelcontextprotocol/server-everything' } },
  network: { egress: 'none' },
};
const SECRET = { KEY: 'made-up-1' };

let world: ServerWorld;
let mark: InspectionMark;
beforeEach(() => {
  world = new ServerWorld();
  // When everything in it was made.
  world.time = Date.parse('2026-11-25T00:00:00Z');
  world.settings = {
    ...controllerSettings,
    pods: { ...controllerSettings.pods, metrics: { from: [] } },
  };
  mark = { until: new Date(world.time + 60_000).toISOString(), secrets: SECRET };
});

/** As a gateway writes it. */
function put(spec: McpServerSpec, meta: object = inspectionMeta(mark)): McpServer {
  world.apply(spec);
  const { server } = world;
  world.cluster.put(MCP_SERVERS, {
    ...server,
    metadata: { ...server.metadata, ...meta },
  } as KubeObject);
  return world.server;
}

const configOf = () => {
  const [secret] = world.cluster
    .list<KubeObject & { data: Record<string, string> }>(SECRETS)
    .filter(({ data }) => data['supervisor.json'] !== undefined);
  return JSON.parse(Buffer.from(secret?.data['supervisor.json'] ?? '', 'base64').toString());
};

describe('a package that is only tried', () => {
  it('gets one pod whose supervisor tries it, with its made-up values and without metrics', async () => {
    put({ ...PACKAGE, replicas: 4 });
    await world.settle();
    const config = configOf();
    expect(config.metricsPort).toBeUndefined();
    expect(config.servers).toEqual([
      expect.objectContaining({
        inspection: { look: { file: '/usr/bin/env', args: expect.arrayContaining(['/home/mcp', '/tmp']) } },
        secrets: ['made-up-1'],
        launch: expect.objectContaining({ env: expect.objectContaining(SECRET) }),
      }),
    ]);
    expect(config.servers[0].secretFiles).toBeUndefined();
    const { replicas, template } = world.deployment.spec;
    expect(replicas).toBe(1);
    const ports = template.spec.containers.flatMap((one) => one.ports ?? []);
    expect(ports.map(({ containerPort }) => containerPort)).not.toContain(METRICS_PORT);
    const policies = world.cluster.list<KubeObject & { spec: object }>(NETWORK_POLICIES);
    const own = policies.find(({ metadata }) => metadata.name === `mcp-${NAME}`);
    expect(own?.spec).toMatchObject({ ingress: [] });
    expect(JSON.stringify(own?.spec)).not.toContain('0.0.0.0/0');
  });

  it('has its signatures looked up, which no server has', async () => {
    const installer = () => world.jobs[0]?.spec.template.spec.containers[0]?.env ?? [];
    put(PACKAGE);
    await world.look();
    expect(installer()).toContainEqual({ name: 'BERTH_INSTALL_SIGNATURES', value: 'true' });
    const signatures = { total: 3, verified: 2, forged: ['bad@1.0.0'] };
    world.endJob(world.jobs[0]!, { tree: { ...tree, signatures } });
    await world.look();
    expect(recordedTree(world.deployment)?.tree.signatures).toEqual(signatures);
    world = new ServerWorld();
    world.apply(PACKAGE);
    await world.look();
    expect(installer().map(({ name }) => name)).not.toContain('BERTH_INSTALL_SIGNATURES');
  });

  it('says why it cannot be installed, as any server', async () => {
    put(PACKAGE);
    await world.look();
    const error = { phase: 'resolve', message: 'there is no such package', hint: 'Look at its name.' };
    world.endJob(world.jobs[0]!, { error });
    expect(await world.look()).toMatchObject({
      ...{ state: 'failed', reason: 'ResolveFailed', message: 'there is no such package', phase: 'resolve' },
      hint: 'Look at its name.',
    });
  });

  it('is held to what an operator allows', async () => {
    world.settings = { ...world.settings, allow: { ...world.settings.allow, npm: false } };
    put(PACKAGE);
    expect(await world.look()).toMatchObject({ state: 'failed', reason: 'NotAllowed' });
    expect(world.jobs).toEqual([]);
  });

  it.each([
    ['a Secret', { secrets: [{ name: 'KEY', secretKeyRef: { name: 'vendor', key: 'token' } }] }],
    ['a ConfigMap', { configMaps: [{ name: 'A', configMapKeyRef: { name: 'a', key: 'a' } }] }],
    ['a claim', { persistence: { existingClaim: 'mine' } }],
  ])('is given nothing of yours: %s', async (_what, more) => {
    put({ ...PACKAGE, ...more });
    expect(await world.look()).toMatchObject({
      state: 'failed',
      message: expect.stringMatching(/only tried/),
    });
    expect(world.deployments).toEqual([]);
  });

  it('does not sleep, and needs no secret that its template demands', async () => {
    const templates = await loadCatalogue(TEMPLATES, { cluster: true });
    const server = put(
      { template: 'brave-search' },
      inspectionMeta({ ...mark, secrets: { BRAVE_API_KEY: 'made-up' } }),
    );
    const plan = planMcpServer(server, { settings: world.settings, templates });
    expect([plan.sleep, plan.isTried, plan.replicas]).toEqual([0, true, 1]);
    expect(plan.blueprint()).toMatchObject({ secrets: [], inspection: { secrets: ['made-up'] } });
    expect(plan.blueprint().env).toContainEqual({ name: 'BRAVE_API_KEY', value: 'made-up' });
    world.apply({ template: 'brave-search' });
    world.cluster.put(MCP_SERVERS, { ...world.server, metadata: { ...world.server.metadata, labels: {} } });
    expect(() => planMcpServer(world.server, { settings: world.settings, templates })).toThrow(
      /BRAVE_API_KEY/,
    );
  });
});

describe('its time', () => {
  /** A leader over what is there, at the world's own time. */
  async function lead(): Promise<Controller> {
    const { cluster, view } = world;
    const picture = {
      ...view,
      server: (name: string) =>
        cluster.list<McpServer>(MCP_SERVERS).find(({ metadata }) => metadata.name === name),
      get servers() {
        return cluster.list<McpServer>(MCP_SERVERS);
      },
    };
    const controller = new Controller({
      ...{
        picture,
        tools: world.tools,
        clock: new ManualClock(),
        log: createLog({ level: 'silent', format: 'json' }),
      },
      ...{ instance: 'c', leads: () => true },
    });
    await controller.close();
    return controller;
  }

  it('is over when its mark says so, whoever has made it', async () => {
    put(PACKAGE);
    await world.settle();
    await lead();
    expect(world.cluster.list(MCP_SERVERS)).toHaveLength(1);
    world.time += 60_000;
    await lead();
    expect(world.cluster.names).toEqual([]);
  });

  it('never comes for a server', async () => {
    world.apply(PACKAGE, inspectionMeta(mark).annotations);
    world.time += 100 * 3_600_000;
    await lead();
    expect(world.cluster.list(MCP_SERVERS)).toHaveLength(1);
  });

  it('never comes for one that has only the label, or only the annotation', () => {
    const { labels, annotations } = inspectionMeta(mark);
    expect(inspectionOf({ metadata: { ...(labels && { labels }) } })).toBeUndefined();
    expect(inspectionOf({ metadata: { ...(annotations && { annotations }) } })).toBeUndefined();
  });

  it.each(['', 'null', '{"until":"soon"}', '{"until":"2099-01-01T00:00:00Z","secrets":7}'])(
    'is an hour where the mark says nothing that could be believed: %s',
    (text) => {
      const metadata = {
        labels: { 'berth.dev/inspection': 'true' },
        creationTimestamp: '2026-11-25T12:00:00Z',
        annotations: { 'berth.dev/inspection': text },
      };
      expect(inspectionOf({ metadata })).toEqual({ until: '2026-11-25T13:00:00.000Z', secrets: {} });
    },
  );
});
