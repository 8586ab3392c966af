/** Parts of the cluster that are killed under a gateway with sessions and calls in flight. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SUPERVISOR, WORKLOAD } from '../../src/cluster/objects/places.ts';
import { LOST_GRACE } from '../../src/sessions/abandoned-streams.ts';
import { requestText } from '../support/mcp-client.ts';
import { type ModernCall, ModernHttpClient } from '../support/modern-client.ts';
import { session, TRANSPORTS } from '../support/transports.ts';
import { type TrapState, trapState, untilCalled } from '../support/trap.ts';
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

  const modernClient = () => new ModernHttpClient(`${gateway.url('trap')}/mcp`);
  async function modernState(client: ModernHttpClient): Promise<TrapState> {
    const { result } = await client.tool('state');
    const [first] = (result?.content ?? []) as { text: string }[];
    return JSON.parse(first?.text ?? '') as TrapState;
  }
  const count = (calls: readonly string[], tool: string): number =>
    calls.filter((name) => name === tool).length;

  const sessions = () => Promise.all(TRANSPORTS.map((transport) => session(transport, gateway.url('trap'))));

  it('an API server that is away for half a minute costs nothing but time', async () => {
    const clients = await sessions();
    const before = await Promise.all(clients.map(trapState));
    const slow = requestText('"before"', 'tools/call', { name: 'slow', arguments: { ms: 5_000 } });
    for (const client of clients) await client.send(slow);
    await Promise.all(clients.map((client) => untilCalled(client, 'slow')));
    const modern = modernClient();
    const modernCall = modern.start('tools/call', { name: 'hold', arguments: { key: 'modern' } });
    await eventually('the modern call', async () => (await modernState(modern)).calls.includes('hold'));
    let sent: Promise<unknown>[] = [];
    let modernLater: ModernCall | undefined;
    await without('kube-apiserver', async () => {
      await eventually('the loss of the link', () => !gateway.isUp(pod.pod));
      sent = clients.map((client) => client.send(requestText('"during"', 'trap/echo', { here: true })));
      modernLater = modern.start('tools/call', { name: 'slow', arguments: { ms: 1 } });
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
    // Cancelled ten seconds after the link was lost, which its own connection outlives; the one that was sent meanwhile has waited.
    expect((await modernCall.answer()).message.error).toMatchObject({ data: { code: 'request-timeout' } });
    expect((await modernLater?.answer())?.message.result).toMatchObject({ content: [{ text: 'slow' }] });
    const { calls, cancelled } = await modernState(modern);
    expect([count(calls, 'hold'), count(calls, 'slow'), cancelled.length]).toEqual([1, 1, 1]);
    await Promise.all(clients.map((client) => client.close()));
    await renewControllers(cluster.client);
  });

  it('a containerd that is killed leaves no join and no process behind', async () => {
    const clients = await sessions();
    const before = await Promise.all(clients.map(trapState));
    const joins = () => pidsOf(pod, SUPERVISOR, { program: '/berth-spawn', argument: 'join' });
    const old = await joins();
    const modern = modernClient();
    const had = await modernState(modern);
    const slow = requestText('"slow"', 'tools/call', { name: 'slow', arguments: { ms: 3_000 } });
    for (const client of clients) await client.send(slow);
    const modernCall = modern.start('tools/call', { name: 'slow', arguments: { ms: 3_000 } });
    await Promise.all(clients.map((client) => untilCalled(client, 'slow')));
    const slowCalls = async (): Promise<number> =>
      count((await modernState(modern)).calls, 'slow') - count(had.calls, 'slow');
    await eventually('the modern call', async () => (await slowCalls()) === 1);
    const killed = performance.now();
    await without('containerd', () => eventually('the loss of the link', () => !gateway.isUp(pod.pod)));
    const back = performance.now();
    await eventually('the link', () => gateway.isUp(pod.pod));
    const away = performance.now() - killed;
    figure('the link is back, after the new start of containerd, within', since(back));
    for (const client of clients)
      expect((await client.inbox.answer('"slow"')).message.result).toMatchObject({
        content: [{ text: 'slow' }],
      });
    const { result, error } = (await modernCall.answer()).message;
    figure('the modern call was', error ? 'cancelled' : 'answered');
    // A link that is away for ten seconds cancels it.
    if (away < LOST_GRACE) expect(result).toMatchObject({ content: [{ text: 'slow' }] });
    else expect(result ?? error?.data).toMatchObject(result ? {} : { code: 'request-timeout' });
    const after = await Promise.all(clients.map(trapState));
    expect(after.map(({ pid }) => pid)).toEqual(before.map(({ pid }) => pid));
    for (const { calls } of after) expect(count(calls, 'slow')).toBe(1);
    expect(await slowCalls()).toBe(1);
    await eventually(
      'the end of the old join',
      async () => !(await joins()).some((pid) => old.includes(pid)),
    );
    expect(await joins()).toHaveLength(1);
    const servers = () => pidsOf(pod, WORKLOAD, { program: '/node', argument: 'server.mjs' });
    // A process for each session, that of the modern client, and none without.
    expect((await servers()).sort()).toEqual([...before, had].map(({ pid }) => pid).sort());
    await Promise.all(clients.map((client) => client.close()));
    // The modern client's waits for its next call.
    await eventually('the end of every process of a session', async () => {
      return (await servers()).join() === `${had.pid}`;
    });
    expect([await pod.restarts(SUPERVISOR), await pod.restarts(WORKLOAD)]).toEqual([0, 0]);
  });
});
