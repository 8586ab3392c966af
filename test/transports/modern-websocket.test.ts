/** Both eras on one WebSocket, told apart message by message; modern ones as on a server's standard streams (data-path.md 5.5; 2026-07-28, stdio). */
import { afterEach, describe, expect, it } from 'vitest';
import { BerthError } from '../../src/errors.ts';
import { eventually } from '../support/local-process.ts';
import { requestText } from '../support/mcp-client.ts';
import { messageFault } from '../support/message-schema.ts';
import { WsClient } from '../support/ws-client.ts';
import { called, type FrontOptions } from './front.ts';
import {
  CAPABILITIES_KEY,
  META,
  type ModernFront,
  modernText,
  startModernFront,
  VERSION,
  VERSION_KEY,
} from './modern-front.ts';

const INITIALIZE = { protocolVersion: '2025-11-25', capabilities: {} };
const LATER = Date.now() + 3_600_000;

let front: ModernFront;
afterEach(() => front.close());

async function connect(options: FrontOptions = {}): Promise<WsClient> {
  front = await startModernFront(options);
  return WsClient.connect(`${front.base}/ws`);
}

function notification(method: string, params: object = {}): string {
  return JSON.stringify({ jsonrpc: '2.0', method, params });
}

/** Sessions that the supervisor has. */
function sessions(): number | undefined {
  return front.harness.supervisor.activity(front.harness.definition.id)?.sessions;
}

/** Shows that everything sent before has been read: messages are taken in their order. */
async function caughtUp(client: WsClient): Promise<void> {
  await client.send('nonsense');
  expect((await client.inbox.answer('null')).message.error?.code).toBe(-32700);
}

describe('a modern request', () => {
  it('is a call of its own, without headers, a session or a process', async () => {
    const client = await connect();
    await client.send(modernText('tools/call', { name: 't' }, '1.0'));
    const call = await front.link.call();
    const server = front.harness.definition.id;
    expect(call.target).toEqual({ server, kind: 'modern', key: '', principal: 'local' });
    expect(call.request).toMatchObject({ batch: false, modern: {} });
    expect(call.request.modern).not.toHaveProperty('params');
    call.answer({ resultType: 'complete', n: 1 });
    const { text } = await client.inbox.answer('1.0');
    expect(text).toBe('{"jsonrpc":"2.0","id":1.0,"result":{"resultType":"complete","n":1}}');
    await eventually('its credit', () => call.credited === text.length && call.acknowledged === 1);
    expect([sessions(), front.harness.servers.length]).toEqual([0, 0]);
    await client.close();
  });

  it('runs beside others, and each message is a frame of its own', async () => {
    const client = await connect();
    await client.send(modernText('tools/call', { name: 'a' }, '"a"'));
    await client.send(modernText('subscriptions/listen', {}, '2'));
    const [one, two] = [await front.link.call(1), await front.link.call(2)];
    two.notify('notifications/subscriptions/acknowledged', { n: 1 });
    one.notify('notifications/progress', { n: 2 });
    two.notify('notifications/tools/list_changed', { n: 3 });
    one.answer();
    await client.inbox.answer('"a"');
    for (const n of [1, 2, 3])
      await client.inbox.take(`event ${n}`, ({ message }) => message.params?.n === n);
    await client.close();
  });

  it.each([
    ['without capabilities', requestText('7', 'tools/list', { _meta: { [VERSION_KEY]: VERSION } }), -32602],
    ['without a version', requestText('7', 'tools/list', { _meta: { [CAPABILITIES_KEY]: {} } }), -32602],
    [
      'whose version is no text',
      requestText('7', 'tools/list', { _meta: { ...META, [VERSION_KEY]: 1 } }),
      -32602,
    ],
    [
      'of an unknown revision',
      requestText('7', 'tools/list', { _meta: { ...META, [VERSION_KEY]: 'v999' } }),
      -32022,
    ],
    [
      'of the legacy era',
      requestText('7', 'tools/list', { _meta: { ...META, [VERSION_KEY]: '2025-11-25' } }),
      -32022,
    ],
    ['that this revision does not have', modernText('ping', {}, '7'), -32601],
    ['that only the legacy era begins with', modernText('initialize', INITIALIZE, '7'), -32601],
    ['whose state is no text', modernText('tools/call', { name: 't', requestState: 1 }, '7'), -32602],
  ])('%s is refused with its code, and the connection stays', async (_what, text, code) => {
    const client = await connect();
    await client.send(text);
    expect((await client.inbox.answer('7')).message.error?.code).toBe(code);
    expect([front.link.calls, sessions()]).toEqual([[], 0]);
    expect(client.socket.readyState).toBe(client.socket.OPEN);
    await client.close();
  });

  it('names the revisions that there are', async () => {
    const client = await connect();
    await client.send(
      requestText('7', 'tools/list', { _meta: { [VERSION_KEY]: 'v9', [CAPABILITIES_KEY]: {} } }),
    );
    expect((await client.inbox.answer('7')).message.error?.data).toMatchObject({
      supported: [VERSION],
      requested: 'v9',
    });
    await client.close();
  });

  it('in a batch is refused', async () => {
    const client = await connect();
    await client.send(`[${requestText('1', 'ping')},${modernText('tools/list')}]`);
    expect((await client.inbox.answer('null')).message.error?.code).toBe(-32600);
    await client.close();
  });

  it('under an id that is in flight is refused; the id is free after the answer', async () => {
    const client = await connect();
    await client.send(modernText('tools/list', {}, '1'));
    const first = await front.link.call();
    await client.send(modernText('tools/call', { name: 't' }, '1.0'));
    expect((await client.inbox.answer('1.0')).message.error?.code).toBe(-32600);
    first.event('answer', '{"jsonrpc":"2.0","id":1,"result":{}}');
    await client.inbox.answer('1');
    await client.send(modernText('tools/call', { name: 't' }, '1'));
    const second = await front.link.call(2);
    // the end of the first is none of the second
    first.end('complete');
    await client.send(modernText('tools/list', {}, '1'));
    expect((await client.inbox.answer('1')).message.error?.code).toBe(-32600);
    second.answer({ second: true });
    expect((await client.inbox.answer('1')).message.result).toEqual({ second: true });
    await client.close();
  });

  it('that is refused behind the gateway is answered with the reason, and its id is free', async () => {
    const client = await connect();
    front.link.refusal = new BerthError('busy', 'later');
    for (let time = 0; time < 2; time++) {
      await client.send(modernText('tools/list', {}, '1'));
      expect((await client.inbox.answer('1')).message.error).toMatchObject({
        code: -32000,
        message: 'later',
      });
    }
    await client.close();
  });

  it.each([
    ['lost', -32000],
    ['ended', -32603],
  ] as const)('whose call was %s is answered with an error', async (reason, code) => {
    const client = await connect();
    await client.send(modernText('tools/list'));
    (await front.link.call()).end(reason);
    expect((await client.inbox.answer('1')).message.error?.code).toBe(code);
    await client.close();
  });

  it('whose answers are not read ends the connection', async () => {
    const client = await connect();
    await client.send(modernText('tools/list'));
    (await front.link.call()).end('slow');
    expect(await client.closed).toBe(1006);
  });

  it('without a replica is answered with an error', async () => {
    const client = await connect();
    front.unroute();
    await client.send(modernText('tools/list'));
    expect((await client.inbox.answer('1')).message.error?.code).toBe(-32000);
    await client.close();
  });

  it('is not read before those in front of it were taken', async () => {
    const client = await connect();
    front.link.accepts = false;
    await client.send(modernText('tools/list', {}, '1'));
    const first = await front.link.call(1);
    await client.send(modernText('tools/list', {}, '2'));
    // what another connection sent later is read
    const other = await WsClient.connect(`${front.base}/ws`);
    await caughtUp(other);
    expect(front.link.calls).toHaveLength(1);
    first.reader.accepted(1);
    const second = await front.link.call(2);
    second.reader.accepted(1);
    for (const call of [first, second]) call.answer();
    await client.inbox.answer('2');
    await Promise.all([client.close(), other.close()]);
  });

  it('whose call ended before it was taken lets the next one be read', async () => {
    const client = await connect();
    front.link.accepts = false;
    await client.send(modernText('tools/list', {}, '1'));
    const call = await front.link.call(1);
    call.end('complete');
    front.link.accepts = true;
    await client.send(modernText('tools/list', {}, '2'));
    (await front.link.call(2)).answer();
    await client.inbox.answer('2');
    await client.close();
  });

  it('that was a subscription ends in both ways that clients look for, once', async () => {
    const client = await connect();
    await client.send(modernText('subscriptions/listen', {}, '"s"'));
    const listen = await front.link.call();
    listen.notify('notifications/subscriptions/acknowledged');
    listen.answer();
    await client.inbox.answer('"s"');
    const ends = await client.inbox.method('notifications/cancelled');
    expect(messageFault(VERSION, ends.message)).toBeUndefined();
    expect(ends.message.params).toEqual({ requestId: 's' });
    await client.send(modernText('subscriptions/listen', {}, '2'));
    (await front.link.call(2)).answer({ code: -32601, message: 'no' }, 'error');
    await client.inbox.answer('2');
    await client.send(modernText('tools/call', { name: 't' }, '3'));
    const call = await front.link.call(3);
    call.notify('notifications/message');
    call.answer();
    await client.inbox.answer('3');
    await caughtUp(client);
    const told = client.inbox.waiting.map(({ message }) => message.method);
    expect(told).not.toContain('notifications/cancelled');
    await client.close();
  });

  it('that its connection leaves behind is cancelled', async () => {
    const client = await connect();
    await client.send(modernText('tools/list', {}, '1'));
    await client.send(modernText('subscriptions/listen', {}, '2'));
    const calls = [await front.link.call(1), await front.link.call(2)];
    calls[1]?.notify('notifications/subscriptions/acknowledged');
    await client.close();
    await eventually('both are cancelled', () => calls.every(({ detached }) => detached === 1));
  });

  it('asks no session of a server that has no room for one', async () => {
    const client = await connect({ limits: { sessions: 1 } });
    await client.initialize();
    const other = await WsClient.connect(`${front.base}/ws`);
    front.link.onCall = (call) => call.answer();
    await other.send(modernText('tools/list'));
    expect((await other.inbox.answer('1')).message.result).toBeDefined();
    await Promise.all([client.close(), other.close()]);
  });
});

it('a client that does not read what it is told is not read either, and nothing is lost', async () => {
  const client = await connect();
  const count = 600;
  const requested = 'v'.repeat(100_000);
  const _meta = { ...META, [VERSION_KEY]: requested };
  client.socket.pause();
  let sent = 0;
  const sendOn = (): void => {
    const text = requestText(`${sent}`, 'tools/list', { _meta });
    client.socket.send(text, () => {
      if (++sent < count) sendOn();
    });
  };
  sendOn();
  let [before, still] = [0, 0];
  await eventually('a standstill', () => {
    still = sent === before ? still + 1 : 0;
    before = sent;
    return sent === count || still === 25;
  });
  expect(sent).toBeLessThan(count);
  client.socket.resume();
  for (let id = 0; id < count; id++)
    expect((await client.inbox.answer(`${id}`)).message.error?.code).toBe(-32022);
  await client.close();
});

describe('a parked call', () => {
  it('goes on with the state that its answer carries', async () => {
    const client = await connect();
    await client.send(modernText('tools/call', { name: 't' }, '1'));
    const parked = await front.link.call(1);
    parked.park({ call: 'the-call', round: 2, expiresAt: LATER });
    const { message, text } = await client.inbox.answer('1');
    const { requestState } = message.result as { requestState: string };
    const delivered = text.length - `"requestState":"${requestState}",`.length;
    await eventually('its credit', () => parked.credited === delivered && parked.acknowledged === 1);
    await client.send(modernText('tools/call', { name: 't', requestState }, '2'));
    expect((await front.link.call(2)).request.modern).toEqual({
      transport: 'websocket',
      resume: { call: 'the-call', round: 2 },
    });
    await client.close();
  });

  it('may be large: it leaves in pieces and is credited whole', async () => {
    const client = await connect();
    await client.send(modernText('tools/call', { name: 't' }, '1'));
    const call = await front.link.call(1);
    const [head, rest] = ['{"jsonrpc":"2.0","id":1,"result":{', `"x":"${'x'.repeat(700_000)}"}}`];
    call.event('answer', [head, rest], { call: 'c', round: 1, expiresAt: LATER, at: head.length });
    const { message } = await client.inbox.answer('1');
    expect((message.result as { x: string }).x).toHaveLength(700_000);
    await eventually(
      'its credit',
      () => call.credited === head.length + rest.length && call.acknowledged === 1,
    );
    await client.close();
  });
});

describe('a cancellation', () => {
  const META_ONLY = { _meta: META };

  it.each([{}, META_ONLY])('ends the modern call of its id, and no answer follows: %j', async (more) => {
    const client = await connect();
    await client.send(modernText('tools/list', {}, '10'));
    const call = await front.link.call();
    await client.send(notification('notifications/cancelled', { requestId: 10.0, ...more }));
    await eventually('the call is cancelled', () => call.detached === 1);
    call.answer({ late: true });
    await client.send(modernText('tools/call', { name: 't' }, '10'));
    (await front.link.call(2)).answer({ late: false });
    expect((await client.inbox.answer('10')).message.result).toEqual({ late: false });
    await client.close();
  });

  it('of any other id belongs to the session', async () => {
    const client = await connect();
    await client.initialize();
    const { server } = front.harness;
    await client.send(modernText('tools/list', {}, '1'));
    const modern = await front.link.call();
    await client.send(requestText('2', 'tools/call'));
    const id = await called(server);
    await client.send(notification('notifications/cancelled', { requestId: 2 }));
    await called(server, 'notifications/cancelled');
    expect(server.of('notifications/cancelled')[0]?.params.requestId).toBe(id);
    expect(modern.detached).toBe(0);
    await client.close();
  });

  it('of nothing is nothing', async () => {
    const client = await connect();
    for (const params of [{}, { requestId: 99 }, { requestId: null }, { requestId: 99, ...META_ONLY }])
      await client.send(notification('notifications/cancelled', params));
    await caughtUp(client);
    expect(sessions()).toBe(0);
    await client.close();
  });
});

describe('before initialize', () => {
  it('nothing is opened by what has no envelope: requests are refused, the rest is dropped', async () => {
    const client = await connect();
    await client.send(requestText('7', 'server/discover'));
    expect((await client.inbox.answer('7')).message.error?.code).toBe(-32600);
    await client.send(`[${requestText('8', 'ping')}]`);
    expect((await client.inbox.answer('null')).message.error?.code).toBe(-32600);
    await client.send(notification('acme/note'));
    await client.send('{"jsonrpc":"2.0","id":1,"result":{}}');
    await caughtUp(client);
    expect([sessions(), front.harness.servers.length]).toEqual([0, 0]);
    await client.close();
  });
});

describe('the sequences of real clients', () => {
  const discover = async (client: WsClient): Promise<void> => {
    front.link.onCall = (call) => call.answer({ supportedVersions: [VERSION] });
    await client.send(modernText('server/discover', {}, '0'));
    expect((await client.inbox.answer('0')).message.result).toEqual({ supportedVersions: [VERSION] });
  };

  it('discover, then initialize: the connection has a session beside its modern calls', async () => {
    const client = await connect();
    await discover(client);
    expect((await client.initialize()).message.result).toMatchObject({ serverInfo: { name: 'memory' } });
    const { server } = front.harness;
    await client.send(requestText('1', 'tools/call'));
    server.answer(await called(server), { legacy: true });
    expect((await client.inbox.answer('1')).message.result).toEqual({ legacy: true });
    await client.send(modernText('tools/list', {}, '2'));
    expect((await client.inbox.answer('2')).message.result).toBeDefined();
    server.say({ jsonrpc: '2.0', id: 5, method: 'roots/list' });
    const asked = await client.inbox.take('a request', ({ message }) => message.method === 'roots/list');
    await client.respond(asked.message.id, { roots: [] });
    await eventually('the answer at the server', () =>
      server.lines.some(({ id, result }) => id === 5 && result),
    );
    await client.close();
  });

  it('discover, initialize, initialize: every one is answered, and the last session is the one', async () => {
    const client = await connect();
    await discover(client);
    for (const id of ['1', '2']) {
      await client.send(requestText(id, 'initialize', INITIALIZE));
      expect((await client.inbox.answer(id)).message.result).toMatchObject({
        serverInfo: { name: 'memory' },
      });
    }
    const [first, second] = front.harness.servers;
    await eventually('the first process is stopped', () => first?.process.stopping === true);
    expect(sessions()).toBe(1);
    await client.notify('notifications/initialized');
    await client.send(requestText('3', 'tools/call'));
    if (!second) throw new Error('no second process');
    second.answer(await called(second));
    await client.inbox.answer('3');
    await client.close();
    await eventually('the second process is stopped', () => second.process.stopping);
  });

  it('initialize twice before the first is answered: the second is refused, the session goes on', async () => {
    let held = true;
    const client = await connect({
      answers: { initialize: () => (held ? undefined : { result: {} }) },
    });
    await client.send(requestText('1', 'initialize', INITIALIZE));
    await client.send(requestText('2', 'initialize', INITIALIZE));
    expect((await client.inbox.answer('2')).message.error?.code).toBe(-32600);
    held = false;
    const { server } = front.harness;
    server.answer(server.id('initialize'), { protocolVersion: '2025-11-25', capabilities: {} });
    expect((await client.inbox.answer('1')).message.result).toBeDefined();
    expect(front.harness.servers).toHaveLength(1);
    await client.close();
  });
});
