/** Servers in pods of their own images, reached by exec: called over every transport, killed, and attacked from inside. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SUPERVISOR, WORKLOAD } from '../../src/cluster/objects/places.ts';
import { requestText } from '../support/mcp-client.ts';
import { connectSdk, eraOf, SDK_CLIENTS } from '../support/sdk-clients.ts';
import { SseClient } from '../support/sse-client.ts';
import { StreamableClient } from '../support/streamable-client.ts';
import { session, TRANSPORTS } from '../support/transports.ts';
import { trapState, untilCalled } from '../support/trap.ts';
import { WsClient } from '../support/ws-client.ts';
import { eventually, openCluster, type TestCluster } from './support/cluster.ts';
import { type ExecGateway, startExecGateway } from './support/exec-gateway.ts';
import { killIn, pidsOf } from './support/processes.ts';
import { type RunningPod, startServer } from './support/server-pod.ts';

const folder = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
const script = { kind: 'script', runtime: 'node', code: "import './main.ts';" } as const;

let cluster: TestCluster;
let pods: Record<'trap' | 'legacy' | 'modern', RunningPod>;
let gateway: ExecGateway;

beforeAll(async () => {
  cluster = await openCluster();
  const conformance = { program: script, folder: folder('conformance-server') };
  const [trap, legacy, modern] = await Promise.all([
    startServer(cluster, { name: 'trap', program: script, folder: folder('trap-server') }),
    startServer(cluster, { ...conformance, name: 'legacy', args: ['--era', 'legacy'] }),
    startServer(cluster, {
      ...conformance,
      name: 'modern',
      args: ['--era', 'modern'],
      behavior: { era: 'modern' },
    }),
  ]);
  pods = { trap, legacy, modern };
  gateway = await startExecGateway(cluster, Object.values(pods));
});
afterAll(async () => {
  await gateway?.close();
  await cluster?.close();
});

describe.each(['legacy', 'modern'] as const)('a server of the %s era in a pod', (name) => {
  it.each(SDK_CLIENTS)('answers a %s client', async (flavour) => {
    const client = await connectSdk(flavour, gateway.url(name));
    try {
      expect(client.era).toBe(eraOf(flavour));
      expect(client.serverName).toBe('berth-conformance-fixture');
      expect(await client.listTools()).toContain('test_simple_text');
      expect(await client.callTool('test_simple_text', {})).toBe('Plain text from the fixture');
    } finally {
      await client.close();
    }
  });
});

describe('a server process that is killed', () => {
  it.each(TRANSPORTS)('fails its call and ends its session over %s, and no other', async (transport) => {
    const other = await session(transport, gateway.url('trap'));
    const client = await session(transport, gateway.url('trap'));
    const { pid } = await trapState(client);
    await client.send(requestText('"pending"', 'tools/call', { name: 'hang', arguments: {} }));
    await untilCalled(client, 'hang');
    const answer = client.inbox.answer('"pending"');
    await killIn(pods.trap, WORKLOAD, pid);
    expect((await answer).message.error).toMatchObject({
      code: -32603,
      data: { code: 'process-exited', phase: 'run', signal: 'SIGKILL' },
    });
    if (client instanceof WsClient) await client.closed;
    if (client instanceof SseClient) await client.ended;
    if (client instanceof StreamableClient)
      await eventually(
        'an unknown session',
        async () => (await client.send(requestText('9', 'ping'))) === 404,
      );
    expect((await other.request('1', 'trap/echo', { still: 'here' })).message.result).toEqual({
      still: 'here',
    });
    await other.close();
  });
});

describe('a supervisor that is killed', () => {
  it('fails the calls in flight, ends its sessions, and is there again', async () => {
    const client = new StreamableClient(`${gateway.url('trap')}/mcp`);
    await client.initialize();
    const before = await pods.trap.restarts(SUPERVISOR);
    const [pid = 0] = await pidsOf(pods.trap, SUPERVISOR, { program: '/node' });
    void client.send(requestText('"pending"', 'tools/call', { name: 'hang', arguments: {} }));
    await untilCalled(client, 'hang');
    await killIn(pods.trap, SUPERVISOR, pid);
    const { error } = (await client.inbox.answer('"pending"')).message;
    expect(error).toMatchObject({
      message: expect.stringMatching(/ended before it answered; it is not known whether/),
      data: { code: 'process-exited' },
    });
    await eventually('a new supervisor', async () => (await pods.trap.restarts(SUPERVISOR)) === before + 1);
    await eventually('an unknown session', async () => (await client.send(requestText('9', 'ping'))) === 404);
    client.session = undefined;
    expect((await client.initialize()).message.result).toMatchObject({ serverInfo: { name: 'trap' } });
    expect(await pods.trap.restarts(WORKLOAD)).toBe(0);
    const servers = await pidsOf(pods.trap, WORKLOAD, { program: '/node', argument: 'server.mjs' });
    expect(servers).toEqual([(await trapState(client)).pid]);
    await client.close();
  });
});
