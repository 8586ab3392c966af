/** A controller that dies after each of its writes: what it made is found by the next one, and nothing is left that nobody knows of (F-06). */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createExecCarrier } from '../../src/cluster/exec-carrier.ts';
import type { McpServer, McpServerSpec } from '../../src/cluster/mcp-server.ts';
import { childName, SERVER_LABEL } from '../../src/cluster/objects/naming.ts';
import { createPodCarrier } from '../../src/cluster/pod-carrier.ts';
import { DEPLOYMENTS, JOBS, MCP_SERVERS, SECRETS } from '../../src/cluster/resources.ts';
import { createLinkProbe, openLinks } from '../../src/controller/link-probe.ts';
import { type RunningController, runController } from '../../src/controller/main.ts';
import { parseControllerSettings } from '../../src/controller/settings.ts';
import { createLog } from '../../src/log/log.ts';
import { TemplateCatalogue } from '../../src/templates/catalogue.ts';
import { eventually, openCluster, type TestCluster } from './support/cluster.ts';
import { figure } from './support/figures.ts';
import { IMAGES, podSettings } from './support/images.ts';
import { leaveForLater } from './support/left-for-later.ts';
import { MortalClient } from './support/mortal-client.ts';
import { recorderSpec } from './support/recorder.ts';
import { applyDefinition, everything } from './support/tools.ts';
import { startTrees } from './support/trees-pod.ts';

const RELEASE = 'berth';
/** With a program and without dependencies. */
const SMALL = { name: 'semver', version: '7.7.2' };
/** More writes than any server takes. */
const MOST_STEPS = 60;
/** Milliseconds in which a server that runs has all that is written about it. */
const AFTERWARDS = 3_000;
const LONGEST = 600_000;

let cluster: TestCluster;
let controller: RunningController | undefined;
let client: MortalClient;

beforeAll(async () => {
  applyDefinition();
  cluster = await openCluster();
  const trees = await startTrees(cluster);
  const key = trees.key.toString('base64');
  const metadata = { name: `${RELEASE}-trees-key`, namespace: cluster.namespace };
  await cluster.client.create(SECRETS, { metadata, data: { key } } as never);
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
  const open = openLinks(createPodCarrier({ exec: createExecCarrier({ access }) }), instance);
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

/** What stands in the namespace. */
function objects(): string[] {
  return everything([cluster.namespace])
    .filter((name) => name.startsWith(`${cluster.namespace}: `))
    .map((name) => name.slice(cluster.namespace.length + 2));
}

/** Kinds of the objects of a server, its pods and theirs included. */
function kindsOf(all: readonly string[], name: string): string[] {
  return all.filter((object) => object.includes(name)).map((object) => object.replace(/\/.*$/, ''));
}

async function stateOf(name: string): Promise<string | undefined> {
  return (await server(name))?.status?.state;
}

/** Of each kind of server what it comes to; a package is installed and has no pods, which are the other story's. */
const STORIES: readonly (readonly [string, string, () => McpServerSpec])[] = [
  ['script', 'running', () => ({ source: recorderSpec('script').source })],
  ['package', 'stopped', () => ({ source: { npm: SMALL }, replicas: 0 })],
];

it.each(STORIES)(
  'a %s is made in whole, and goes in whole, whatever step its controller dies at',
  {
    timeout: LONGEST,
  },
  async (story, state, specOf) => {
    const { namespace } = cluster;
    const nameOf = (step: number): string => `${story}-${step}-x`;
    const make = (step: number): Promise<unknown> =>
      cluster.client.create(MCP_SERVERS, {
        metadata: { name: nameOf(step), namespace },
        spec: specOf(),
      } as never);
    const kindsAt = (step: number, all = objects()): string[] => kindsOf(all, nameOf(step));
    /** It is what it comes to, and its installer is gone. */
    const isWhole = async (step: number): Promise<boolean> => {
      const name = nameOf(step);
      if ((await stateOf(name)) !== state) return false;
      const labelSelector = `${SERVER_LABEL}=${name}`;
      const { items } = await cluster.client.list(JOBS, { namespace, labelSelector });
      const deployment = await cluster.client.get(DEPLOYMENTS, { namespace, name: childName({ name }) });
      return deployment !== undefined && items.length === 0;
    };
    leaveForLater(`leases ${RELEASE}-controller`, `secrets ${RELEASE}-keys`);
    startController();
    await eventually('the key ring', () => objects().includes(`secret/${RELEASE}-keys`));
    const nothing = objects();
    // Step 0 is the one whose controller does not die.
    await make(0);
    await eventually('the first', () => isWhole(0));

    let last = 0;
    for (let step = 1; last === 0; step++) {
      expect(step).toBeLessThan(MOST_STEPS);
      await controller?.close();
      startController({ about: nameOf(step), after: step });
      await make(step);
      const whole = eventually(`${nameOf(step)} in whole`, () => client.dead || isWhole(step));
      await Promise.race([client.died, whole]);
      // What is written after that belongs to it as well.
      if (!client.dead) await Promise.race([client.died, sleep(AFTERWARDS)]);
      if (client.dead) continue;
      last = step;
      const { writes } = client;
      figure(`${story}: a crash after each of so many writes`, `${writes.length}: ${writes.join(' ')}`);
    }
    const steps = Array.from({ length: last + 1 }, (_, step) => step);
    for (const step of steps) await eventually(`${nameOf(step)} in whole`, () => isWhole(step));
    await eventually('the end of all installers', () => !objects().some((name) => /-install-/.test(name)));
    const all = objects();
    const goal = kindsAt(0, all);
    for (const step of steps) expect([step, kindsAt(step, all)]).toEqual([step, goal]);
    for (const step of steps) await cluster.client.remove(MCP_SERVERS, { namespace, name: nameOf(step) });
    await eventually('nothing of any of them', () => objects().join() === nothing.join());
    await controller?.close();
  },
);
