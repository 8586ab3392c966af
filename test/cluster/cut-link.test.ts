import { afterAll, beforeAll, expect, it } from 'vitest';
import { createExecCarrier, joinCommand } from '../../src/cluster/exec-carrier.ts';
import { openExec } from '../../src/cluster/exec-channel.ts';
import { createLinkServer } from '../../src/link/link-server.ts';
import { createSocketLink } from '../../src/link/socket-link.ts';
import { Harness, request, TestClient } from '../sessions/harness.ts';
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
  const target = {
    server: harness.definition.id,
    kind: 'session',
    key: 'nonce',
    principal: 'alice',
  } as const;
  const client = new TestClient(link.conversation(target), { delivery: 'streams' });
  const first = client.call(request('"init"', 'initialize', HELLO));
  await eventually('the handshake', () => first.ends.length > 0);
  for (let round = 1; round <= 5; round++) {
    const reader = client.call(request(String(round)));
    await eventually('the call', () => harness.server.of('tools/call').length === round);
    proxy.cut(true);
    harness.server.answer(harness.server.id('tools/call'), { round });
    await eventually('the loss', () => states.at(-1) === false);
    expect(reader.events).toHaveLength(0);
    proxy.cut(false);
    await eventually('the answer', () => reader.ends.length > 0);
    expect(reader.lines).toEqual([{ jsonrpc: '2.0', id: round, result: { round } }]);
  }
  expect(harness.server.of('tools/call')).toHaveLength(5);
  expect(harness.servers).toHaveLength(1);
  await eventually('one join for each end of the link', async () => (await joins()) === 2);
  await link.close();
  await server.close();
  await harness.close();
  await eventually('no join at all', async () => (await joins()) === 0);
  expect(proxy.open).toBe(0);
});
