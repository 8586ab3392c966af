/** Parts of the cluster that are killed under a gateway with sessions and calls in flight. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SUPERVISOR, WORKLOAD } from '../../src/cluster/objects/places.ts';
import { requestText } from '../support/mcp-client.ts';
import { session, TRANSPORTS } from '../support/transports.ts';
import { trapState, untilCalled } from '../support/trap.ts';
import { eventually, openCluster, type TestCluster } from './support/cluster.ts';
import { type ExecGateway, startExecGateway } from './support/exec-gateway.ts';
import { figure, since } from './support/figures.ts';
import { HAS_PARTS, renewControllers, without } from './support/parts.ts';
import { pidsOf } from './support/processes.ts';
import { type RunningPod, startServer } from './support/server-pod.ts';

const folder = fileURLToPath(new URL('../fixtures/trap-server', import.meta.url));
const program = { kind: 'script', runtime: 'node', code: "import './main.ts';" } as const;
const OUTAGE = 30_000;
const LONGEST = 240_000;

let cluster: TestCluster;
let pod: RunningPod;
let gateway: ExecGateway;

describe.runIf(HAS_PARTS)('with a live session on every transport', { timeout: LONGEST }, () => {
  beforeAll(async () => {
    cluster = await openCluster();
    pod = await startServer(cluster, { name: 'trap', program, folder });
    gateway = await startExecGateway(cluster, [pod]);
  });
  afterAll(async () => {
    await gateway?.close();
    await cluster?.close();
  });

  const sessions = () => Promise.all(TRANSPORTS.map((transport) => session(transport, gateway.url('trap'))));

  it('an API server that is away for half a minute costs nothing but time', async () => {
    const clients = await sessions();
    const before = await Promise.all(clients.map(trapState));
    const slow = requestText('"before"', 'tools/call', { name: 'slow', arguments: { ms: 5_000 } });
    for (const client of clients) await client.send(slow);
    await Promise.all(clients.map((client) => untilCalled(client, 'slow')));
    let sent: Promise<unknown>[] = [];
    await without('kube-apiserver', async () => {
      await eventually('the loss of the link', () => !gateway.isUp(pod.pod));
      sent = clients.map((client) => client.send(requestText('"during"', 'trap/echo', { here: true })));
      await sleep(OUTAGE);
    });
    const back = performance.now();
    await eventually('the link', () => gateway.isUp(pod.pod));
    await Promise.all(sent);
    figure('calls sent while the API server was away are answered, after its new start, within', since(back));
    for (const client of clients) {
      expect((await client.inbox.answer('"before"')).message.result).toMatchObject({
        content: [{ text: 'slow' }],
      });
      expect((await client.inbox.answer('"during"')).message.result).toEqual({ here: true });
    }
    const after = await Promise.all(clients.map(trapState));
    expect(after.map(({ pid }) => pid)).toEqual(before.map(({ pid }) => pid));
    await Promise.all(clients.map((client) => client.close()));
    await renewControllers(cluster.client);
  });

  it('a containerd that is killed leaves no join and no process behind', async () => {
    const clients = await sessions();
    const before = await Promise.all(clients.map(trapState));
    const joins = () => pidsOf(pod, SUPERVISOR, { program: '/berth-spawn', argument: 'join' });
    const old = await joins();
    await without('containerd', () => eventually('the loss of the link', () => !gateway.isUp(pod.pod)));
    const back = performance.now();
    await eventually('the link', () => gateway.isUp(pod.pod));
    figure('the link is back, after the new start of containerd, within', since(back));
    const after = await Promise.all(clients.map(trapState));
    expect(after.map(({ pid }) => pid)).toEqual(before.map(({ pid }) => pid));
    await eventually(
      'the end of the old join',
      async () => !(await joins()).some((pid) => old.includes(pid)),
    );
    expect(await joins()).toHaveLength(1);
    const servers = () => pidsOf(pod, WORKLOAD, { program: '/node', argument: 'server.mjs' });
    // A process for each session, and none without.
    expect((await servers()).sort()).toEqual(before.map(({ pid }) => pid).sort());
    await Promise.all(clients.map((client) => client.close()));
    await eventually('the end of every server process', async () => {
      return (await servers()).length === 0;
    });
    expect([await pod.restarts(SUPERVISOR), await pod.restarts(WORKLOAD)]).toEqual([0, 0]);
  });
});
