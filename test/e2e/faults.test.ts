/** Servers that crash, hang or are slow: who is told what, and who is not disturbed. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import { requestText } from '../support/mcp-client.ts';
import { SseClient } from '../support/sse-client.ts';
import { StreamableClient } from '../support/streamable-client.ts';
import { connect, session, TRANSPORTS } from '../support/transports.ts';
import { trapLaunch, trapState, until, untilCalled } from '../support/trap.ts';
import { WsClient } from '../support/ws-client.ts';

let gateway: Awaited<ReturnType<typeof startGateway>>;

beforeAll(async () => {
  gateway = await startGateway({
    servers: [
      { name: 'trap', launch: trapLaunch() },
      { name: 'impatient', launch: trapLaunch(), limits: { requestTimeout: 1_000 } },
      { name: 'broken', launch: trapLaunch('--exit') },
    ],
  });
});
afterAll(() => gateway?.close());

describe.each(TRANSPORTS)('over %s', (transport) => {
  it('answers the call of a process that dies with phase, exit code and stderr', async () => {
    const client = await session(transport, gateway.url('trap'));
    const { message } = await client.tool('crash', { code: 7 });
    expect(message.error).toMatchObject({
      code: -32603,
      data: { code: 'process-exited', phase: 'run', exitCode: 7, hint: expect.any(String) },
    });
    expect(message.error?.data?.stderr).toEqual(expect.arrayContaining(['trap: told to crash']));
    await client.close();
  });

  it('says why a server did not start, and leaves its neighbours alone', async () => {
    const neighbour = await session(transport, gateway.url('trap'));
    for (let attempt = 0; attempt < 3; attempt++) {
      const client = await connect(transport, gateway.url('broken'));
      const { message } = await client.initialize();
      expect(message.error).toMatchObject({ code: -32603, data: { exitCode: 3, hint: expect.any(String) } });
      expect(message.error?.data?.stderr).toEqual(expect.arrayContaining(['trap: TRAP_TOKEN is not set']));
      await client.close();
    }
    expect((await neighbour.request('1', 'trap/echo', { still: 'here' })).message.result).toEqual({
      still: 'here',
    });
    await neighbour.close();
  });

  it('fails a call that hangs past its deadline, cancels it upstream and goes on, as others do', async () => {
    const client = await session(transport, gateway.url('impatient'));
    const neighbour = await session(transport, gateway.url('trap'));
    const hanging = client.tool('hang');
    expect((await neighbour.request('1', 'trap/echo', { on: 1 })).message.result).toEqual({ on: 1 });
    const { message } = await hanging;
    expect(message.error).toMatchObject({ code: -32001, data: { code: 'request-timeout' } });
    expect((await trapState(client)).cancelled).toHaveLength(1);
    await Promise.all([client.close(), neighbour.close()]);
  });

  it('moves the deadline of a call with its progress', async () => {
    const client = await session(transport, gateway.url('impatient'));
    const { message } = await client.tool('count', { steps: 8, ms: 200 }, { _meta: { progressToken: 1 } });
    expect(message.result).toMatchObject({ content: [{ text: 'counted' }] });
    expect(client.inbox.waiting).toHaveLength(8);
    await client.close();
  });

  it('lets a slow call finish while others are answered', async () => {
    const [slow, quick] = await Promise.all([1, 2].map(() => session(transport, gateway.url('trap'))));
    if (!slow || !quick) throw new Error('two sessions');
    const answer = slow.toolText('slow', { ms: 1_200 });
    for (let call = 0; call < 20; call++) await quick.request(String(call), 'trap/echo', { call });
    expect(await answer).toBe('slow');
    await Promise.all([slow.close(), quick.close()]);
  });
});

describe('after its process has died', () => {
  it('a streamable-http session is unknown, so that the client opens a new one', async () => {
    const client = new StreamableClient(`${gateway.url('trap')}/mcp`);
    await client.initialize();
    const other = client.send(requestText('"pending"', 'tools/call', { name: 'hang', arguments: {} }));
    await untilCalled(client, 'hang');
    await client.tool('crash');
    await other;
    expect((await client.inbox.answer('"pending"')).message.error?.code).toBe(-32603);
    await until('the session is unknown', async () => (await client.send(requestText('9', 'ping'))) === 404);
    client.session = undefined;
    expect((await client.initialize()).message.result).toMatchObject({ serverInfo: { name: 'trap' } });
    await client.close();
  });

  it('an event stream ends', async () => {
    const client = await SseClient.connect(`${gateway.url('trap')}/sse`);
    await client.initialize();
    await client.tool('crash');
    await client.ended;
    expect(await client.send(requestText('9', 'ping'))).toBe(404);
  });

  it('a socket is closed', async () => {
    const client = await WsClient.connect(`${gateway.url('trap')}/ws`);
    await client.initialize();
    await client.tool('crash');
    expect(await client.closed).toBeTypeOf('number');
  });
});
