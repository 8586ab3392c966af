import { afterAll, beforeAll, expect, it } from 'vitest';
import { createExecCarrier, joinCommand } from '../../src/cluster/exec-carrier.ts';
import { openExec } from '../../src/cluster/exec-channel.ts';
import { createLinkServer } from '../../src/link/link-server.ts';
import { createSocketLink } from '../../src/link/socket-link.ts';
import { Harness, message, request, TestClient, TestReader } from '../sessions/harness.ts';
import { modernParams } from '../sessions/modern-client.ts';
import { eventually, openCluster, type TestCluster } from './support/cluster.ts';
import { type CutProxy, openCutProxy } from './support/cut-proxy.ts';
import { GATEWAY_SOCKET, JOIN_PROGRAM, SUPERVISOR_SOCKET, SWITCHBOARD } from './support/switchboard.ts';

const HELLO = '{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}';
const COUNT =
  'n=0; for f in /proc/[0-9]*/cmdline; do grep -aq "join.--socket" $f && n=$((n+1)); done; echo $n';

let cluster: TestCluster;
let proxy: CutProxy;

beforeAll(async () => {
  cluster = await openCluster();
  proxy = await openCutProxy(cluster.access);
  await cluster.pod('switchboard', SWITCHBOARD);
});
afterAll(async () => {
  proxy?.close();
  await cluster?.close();
});

/** Processes that join a socket in the pod. */
async function joins(): Promise<number> {
  const target = { namespace: cluster.namespace, pod: 'switchboard', container: 'main' };
  const channel = await openExec({
    access: cluster.access,
    target: { ...target, command: ['sh', '-c', COUNT] },
  });
  let text = '';
  for await (const bytes of channel) text += String(bytes);
  // The shell that counts carries the words itself.
  return Number(text) - 1;
}

it('brings answers once over every cut of the API server, and leaves nothing in the pod', async () => {
  const { access, namespace } = cluster;
  const place = { namespace, pod: 'switchboard', container: 'main', program: JOIN_PROGRAM };
  const harness = new Harness();
  const server = createLinkServer(harness.supervisor);
  const carrier = createExecCarrier({ access: proxy.access });
  const states: boolean[] = [];
  const link = createSocketLink({
    connect: async (signal) => {
      const stream = await carrier.connect({ ...place, socket: GATEWAY_SOCKET }, signal);
      const command = joinCommand({ ...place, socket: SUPERVISOR_SOCKET });
      server.serve(await openExec({ access, target: { ...place, command }, signal }));
      return stream;
    },
    instance: 'gateway',
    onState: (up) => states.push(up),
  });
  const target = { server: harness.definition.id, principal: 'alice' } as const;
  const client = new TestClient(link.conversation({ ...target, kind: 'session', key: 'nonce' }), {
    delivery: 'streams',
  });
  const first = client.call(request('"init"', 'initialize', HELLO));
  await eventually('the handshake', () => first.ends.length > 0);
  // As SSE and WebSocket have it: everything comes on one stream.
  const single = new TestClient(link.conversation({ ...target, kind: 'session', key: 'other' }), {
    delivery: 'single',
  });
  const stream = single.attach();
  single.call(request('"init"', 'initialize', HELLO));
  await eventually('the handshake on one stream', () => stream.events.length === 1);
  const modernCall = (id: string): TestReader => {
    const reader = new TestReader();
    const messages = [message(request(id, 'tools/call', modernParams({ name: 'any' })))];
    const asked = { key: `modern-${id}`, messages, batch: false, modern: {} };
    reader.attachment = link.conversation({ ...target, kind: 'modern', key: '' }).call(asked, reader);
    return reader;
  };
  /** How many calls each process has had. */
  const counts = (): number[] => harness.servers.map((server) => server.of('tools/call').length);
  for (let round = 1; round <= 5; round++) {
    const id = String(round);
    const reader = client.call(request(id));
    single.call(request(id));
    const modern = modernCall(id);
    await eventually('the calls', () => counts().join() === [round, round, round].join());
    proxy.cut(true);
    for (const server of harness.servers) server.answer(server.id('tools/call'), { round });
    await eventually('the loss', () => states.at(-1) === false);
    expect([reader, modern].map(({ events }) => events.length)).toEqual([0, 0]);
    expect(stream.events).toHaveLength(round);
    proxy.cut(false);
    await eventually('the answers', () => reader.ends.length > 0 && modern.ends.length > 0);
    await eventually('the answer on one stream', () => stream.events.length === round + 1);
    const answer = { jsonrpc: '2.0', id: round, result: { round } };
    expect([reader.lines, stream.lines.slice(-1)]).toEqual([[answer], [answer]]);
    expect(modern.lines).toMatchObject([answer]);
  }
  // Every call ran once, whatever was cut.
  expect(counts()).toEqual([5, 5, 5]);
  expect(stream.ends).toEqual([]);
  await eventually('one join for each end of the link', async () => (await joins()) === 2);
  await link.close();
  await server.close();
  await harness.close();
  await eventually('no join at all', async () => (await joins()) === 0);
  expect(proxy.open).toBe(0);
});
