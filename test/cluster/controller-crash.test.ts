/** A controller that dies after each of its writes: what it made is found by the next one, and nothing is left that nobody knows of (F-06). */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createExecCarrier } from '../../src/cluster/exec-carrier.ts';
import type { McpServer, McpServerSpec } from '../../src/cluster/mcp-server.ts';
import { MCP_SERVERS, SECRETS } from '../../src/cluster/resources.ts';
import { createLinkProbe, openLinks } from '../../src/controller/link-probe.ts';
import { type RunningController, runController } from '../../src/controller/main.ts';
import { parseControllerSettings } from '../../src/controller/settings.ts';
import { createLog } from '../../src/log/log.ts';
import { TemplateCatalogue } from '../../src/templates/catalogue.ts';
import { packageOf } from '../support/real-servers.ts';
import { eventually, openCluster, type TestCluster } from './support/cluster.ts';
import { IMAGES, podSettings } from './support/images.ts';
import { MortalClient } from './support/mortal-client.ts';
import { objectsIn } from './support/objects.ts';
import { applyDefinition } from './support/tools.ts';
import { startTrees } from './support/trees-pod.ts';

const RELEASE = 'berth';
const code = "process.stdin.on('data', () => {}).on('end', () => process.exit(0));";
/** More writes than any server takes. */
const MOST_STEPS = 60;
const LONGEST = 600_000;

let cluster: TestCluster;
let controller: RunningController | undefined;
let client: MortalClient;
let pypi: { name: string; version?: string };

beforeAll(async () => {
  applyDefinition();
  cluster = await openCluster();
  const trees = await startTrees(cluster);
  const key = trees.key.toString('base64');
  const metadata = { name: `${RELEASE}-trees-key`, namespace: cluster.namespace };
  await cluster.client.create(SECRETS, { metadata, data: { key } } as never);
  const { name, version } = await packageOf('time');
  pypi = { name, ...(version !== undefined && { version }) };
});
afterAll(async () => {
  await controller?.close();
  await cluster?.close();
});

/** As the same candidate: a lease that a dead leader holds is another test's. */
const instance = randomUUID();

function startController(death?: MortalClient['death']): void {
  const { access, namespace } = cluster;
  client = new MortalClient({ access });
  client.death = death;
  const settings = parseControllerSettings({
    release: RELEASE,
    releaseNamespace: namespace,
    serversNamespace: namespace,
    images: { supervisor: IMAGES.supervisor, runner: IMAGES.runner },
    resources: podSettings(namespace).resources,
    drain: 1_000,
  });
  const open = openLinks(createExecCarrier({ access }), instance);
  controller = runController({
    settings,
    client,
    templates: new TemplateCatalogue([]),
    log: createLog({ level: 'error', format: 'json' }),
    instance,
    probe: () => createLinkProbe({ open, now: Date.now }),
  });
}

async function server(name: string): Promise<McpServer | undefined> {
  return cluster.client.get<McpServer>(MCP_SERVERS, { namespace: cluster.namespace, name });
}

/** Kinds of all objects of a server, its pods and theirs included. */
function objectsOf(name: string): string[] {
  return objectsIn(cluster.namespace)
    .filter((object) => object.includes(name))
    .map((object) => object.replace(/\/.*$/, ''));
}

/** Resolves once the server runs and what it no longer needs is gone. */
async function settled(name: string): Promise<string[]> {
  await eventually(`${name} runs`, async () => (await server(name))?.status?.state === 'running');
  let before: string[] = [];
  await eventually(`${name} stays as it is`, () => {
    const now = objectsOf(name);
    const same = now.join() === before.join() && !now.some((kind) => kind.startsWith('job'));
    before = now;
    return same;
  });
  return before;
}

const STORIES: readonly (readonly [string, () => McpServerSpec])[] = [
  ['script', () => ({ source: { script: { runtime: 'node', code } } })],
  ['package', () => ({ source: { pypi } })],
];

it.each(STORIES)('a %s', { timeout: LONGEST }, async (story, specOf) => {
  const { namespace } = cluster;
  const make = (name: string): Promise<unknown> =>
    cluster.client.create(MCP_SERVERS, { metadata: { name, namespace }, spec: specOf() } as never);
  startController();
  await eventually('a leader', () => controller?.leading === true);
  await eventually('the key ring', () => objectsIn(namespace).includes(`secret/${RELEASE}-keys`));
  const nothing = objectsIn(namespace);
  await make(`${story}-whole`);
  const goal = await settled(`${story}-whole`);
  await cluster.client.remove(MCP_SERVERS, { namespace, name: `${story}-whole` });

  let steps: readonly string[] = [];
  for (let step = 1; ; step++) {
    expect(step).toBeLessThan(MOST_STEPS);
    const name = `${story}-${step}-x`;
    await controller?.close();
    startController({ about: name, after: step });
    await make(name);
    await Promise.race([client.died, settled(name)]);
    const crashed = client.dead;
    steps = client.writes;
    if (crashed) {
      await controller?.close();
      startController();
    }
    expect([step, steps.at(-1), await settled(name)]).toEqual([step, steps.at(-1), goal]);
    await cluster.client.remove(MCP_SERVERS, { namespace, name });
    if (!crashed) break;
  }
  await eventually('nothing of any of them', () => objectsIn(namespace).join() === nothing.join());
  console.info(`${story}: ${steps.length} writes, a crash after each: ${steps.join(' ')}`);
  await controller?.close();
});
