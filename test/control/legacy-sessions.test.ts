/** Sessions on Berth's own endpoints, which any gateway with the same keys takes up. */
import { once } from 'node:events';
import { inputRequired, Server } from '@modelcontextprotocol/server';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import type { Connect } from '../../src/control/legacy-session.ts';
import { LegacySessions } from '../../src/control/legacy-sessions.ts';
import { NO_PEERS, type Peers } from '../../src/peers/peers.ts';
import { LongStreams } from '../../src/transports/long-streams.ts';
import { ownSeal } from '../support/own-seal.ts';
import { connectedPeers } from '../support/peers.ts';

const URL = 'http://127.0.0.1/mcp';
const MINUTE = 60_000;
const INITIALIZE = {
  jsonrpc: '2.0',
  id: 'first',
  method: 'initialize',
  params: {
    protocolVersion: '2025-06-18',
    capabilities: { elicitation: {} },
    clientInfo: { name: 'agent', version: '1' },
  },
};

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at member by member
type Json = Record<string, any>;

let lastCall = 0;
let gateways: Gateway[] = [];
afterEach(async () => {
  for (const one of gateways) await one.sessions.close();
  gateways = [];
});

/** A gateway whose server tells which one it is, what it knows of its client, and what its client's person says. */
class Gateway {
  readonly clock = new ManualClock();
  readonly streams = new LongStreams(this.clock);
  readonly sessions: LegacySessions;
  readonly name: string;
  /** Servers that were made. */
  made = 0;
  gone = 0;

  /** Times that an event stream began, and whether there may have been one before. */
  readonly listens: boolean[] = [];
  listening = 0;
  calledOff = 0;

  constructor(name: string, seal = ownSeal(), peers: Peers = NO_PEERS) {
    this.name = name;
    const { clock, streams } = this;
    this.sessions = new LegacySessions({ what: 'a test', clock, seal, streams, peers });
    gateways.push(this);
  }

  readonly connect: Connect = async (transport) => {
    this.made++;
    const server = new Server({ name: this.name, version: '0' }, { capabilities: { tools: {} } });
    server.setRequestHandler('tools/list', async () => ({ tools: [] }));
    server.setRequestHandler('tools/call', async ({ params }, context) => {
      if (params.name === 'who') {
        const said = { by: this.name, client: server.getClientCapabilities() };
        return { content: [{ type: 'text', text: JSON.stringify(said) }] };
      }
      if (params.name === 'wait') {
        await once(context.mcpReq.signal, 'abort');
        this.calledOff++;
      }
      const said = context.mcpReq.inputResponses?.person as { action: string } | undefined;
      if (said) return { content: [{ type: 'text', text: `${params.name}: ${said.action}` }] };
      const requestedSchema = { type: 'object' as const, properties: {} };
      const person = inputRequired.elicit({ message: params.name, requestedSchema });
      return inputRequired({ inputRequests: { person } });
    });
    server.onclose = () => {
      this.gone++;
    };
    await server.connect(transport);
    return {
      listens: (again) => {
        this.listens.push(again);
        this.listening++;
        return () => this.listening--;
      },
    };
  };

  send(
    message: object | undefined,
    { id, owner = 'ada', method = 'POST' }: { id?: string; owner?: string; method?: string } = {},
  ): Promise<Response> {
    const request = new Request(URL, {
      method,
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...(id !== undefined && { 'mcp-session-id': id, 'mcp-protocol-version': '2025-06-18' }),
      },
      ...(message && { body: JSON.stringify(message) }),
    });
    return this.sessions.serve(request, owner, this.connect);
  }

  async open(owner?: string): Promise<string> {
    const response = await this.send(INITIALIZE, owner === undefined ? {} : { owner });
    expect((await messages(response))[0]?.result.protocolVersion).toBe('2025-06-18');
    return response.headers.get('mcp-session-id') ?? '';
  }

  async call(id: string, name: string): Promise<string> {
    const [answer] = await messages(await this.send({ ...callOf(name), id: `call ${++lastCall}` }, { id }));
    return answer?.result.content[0].text;
  }
}

const callOf = (name: string) => ({
  jsonrpc: '2.0',
  id: 7,
  method: 'tools/call',
  params: { name, arguments: {} },
});

async function messages(response: Response): Promise<Json[]> {
  expect(response.status).toBe(200);
  const text = await response.text();
  return [...text.matchAll(/^data: (.+)$/gm)].map(([, data = '']) => JSON.parse(data) as Json);
}

/** The events of a response as they come. */
function reader(response: Response) {
  const chunks = (response.body as ReadableStream<Uint8Array>).getReader();
  let text = '';
  return async (): Promise<Json | undefined> => {
    for (;;) {
      const found = /^data: (.+)\n/m.exec(text);
      if (found) {
        text = text.slice(found.index + found[0].length);
        return JSON.parse(found[1] as string) as Json;
      }
      const { done, value } = await chunks.read();
      if (done) return undefined;
      text += new TextDecoder().decode(value);
    }
  };
}

/** Three gateways that know each other. */
function three(): readonly [Gateway, Gateway, Gateway] {
  const seal = ownSeal();
  const peers = connectedPeers(3);
  return ['a', 'b', 'c'].map((name, index) => new Gateway(name, seal, peers[index])) as never;
}

describe('a session that was opened at another gateway with the same keys', () => {
  it('is served, by a server that knows what its client can do, whichever is asked when', async () => {
    const seal = ownSeal();
    const [a, b] = [new Gateway('a', seal), new Gateway('b', seal)];
    const id = await a.open();
    for (const gateway of [b, a, b])
      expect(JSON.parse(await gateway.call(id, 'who'))).toEqual({
        by: gateway.name,
        client: { elicitation: expect.any(Object) },
      });
    expect([a.made, b.made]).toEqual([1, 1]);
  });

  it('is taken up once, however many requests come at the same time', async () => {
    const seal = ownSeal();
    const [a, b] = [new Gateway('a', seal), new Gateway('b', seal)];
    const id = await a.open();
    const answers = await Promise.all(Array.from({ length: 20 }, () => b.call(id, 'who')));
    expect(new Set(answers).size).toBe(1);
    expect(b.made).toBe(1);
  });

  it('is none of another caller, nor of a gateway with other keys, nor altered', async () => {
    const seal = ownSeal();
    const [a, b, stranger] = [new Gateway('a', seal), new Gateway('b', seal), new Gateway('c')];
    const id = await a.open();
    const tries = [
      b.send(callOf('who'), { id, owner: 'bob' }),
      stranger.send(callOf('who'), { id }),
      b.send(callOf('who'), { id: `${id.slice(0, -2)}AA` }),
      b.send(callOf('who'), { id: 'c0ffee' }),
    ];
    for (const response of await Promise.all(tries)) {
      expect(response.status).toBe(404);
      expect(((await response.json()) as Json).error.data.code).toBe('unknown-session');
    }
    expect([b.made, stranger.made]).toEqual([0, 0]);
  });

  it('asks its client there, and takes no answer to the question of another gateway', async () => {
    const seal = ownSeal();
    const [a, b] = [new Gateway('a', seal), new Gateway('b', seal)];
    const id = await a.open();
    const atA = reader(await a.send(callOf('remove all'), { id }));
    const atB = reader(await b.send({ ...callOf('list them'), id: 8 }, { id }));
    const [asksRemoval, asksList] = [await atA(), await atB()];
    expect([asksRemoval?.params.message, asksList?.params.message]).toEqual(['remove all', 'list them']);
    expect(asksRemoval?.id).not.toBe(asksList?.id);
    const answer = (question: Json | undefined, action: string) => ({
      ...{ jsonrpc: '2.0', id: question?.id },
      result: { action, ...(action === 'accept' && { content: {} }) },
    });
    expect((await a.send(answer(asksList, 'accept'), { id })).status).toBe(202);
    expect((await b.send(answer(asksList, 'accept'), { id })).status).toBe(202);
    expect((await atB())?.result.content[0].text).toBe('list them: accept');
    expect((await a.send(answer(asksRemoval, 'decline'), { id })).status).toBe(202);
    expect((await atA())?.result.content[0].text).toBe('remove all: decline');
  });

  it('is asked by one gateway, answers to another, and its answer reaches the one that has asked', async () => {
    const [a, b, c] = three();
    const id = await a.open();
    const atA = reader(await a.send(callOf('remove all'), { id }));
    const question = await atA();
    const answer = { jsonrpc: '2.0', id: question?.id, result: { action: 'accept', content: {} } };
    expect((await b.send(answer, { id, owner: 'bob' })).status).toBe(404);
    expect((await b.send(answer, { id })).status).toBe(202);
    expect((await atA())?.result.content[0].text).toBe('remove all: accept');
    expect(c.made).toBe(0);
  });

  it('calls off what runs at another gateway', async () => {
    const [a, b] = three();
    const id = await a.open();
    const calling = a.send({ ...callOf('wait'), id: 'long' }, { id });
    await calling;
    const params = { requestId: 'long', reason: 'not needed' };
    const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params };
    expect((await b.send(cancelled, { id })).status).toBe(202);
    await vi.waitFor(() => expect([a.calledOff, b.calledOff]).toEqual([1, 0]));
  });

  it('tells the others nothing of what is its own, or nobody’s', async () => {
    const told: unknown[] = [];
    const peers: Peers = {
      onTold: () => () => {},
      tell: (_topic, { message }: { message?: unknown } & object) => {
        told.push(message);
        return Promise.resolve(false);
      },
    };
    const gateway = new Gateway('a', ownSeal(), peers);
    const id = await gateway.open();
    const calling = await gateway.send({ ...callOf('wait'), id: 'long' }, { id });
    const asking = reader(await gateway.send({ ...callOf('ask'), id: 'ask' }, { id }));
    const question = await asking();
    const cancelled = (requestId: unknown) => ({
      ...{ jsonrpc: '2.0', method: 'notifications/cancelled' },
      params: { requestId },
    });
    const answer = (to: unknown) => ({ jsonrpc: '2.0', id: to, result: { action: 'accept', content: {} } });
    for (const message of [cancelled('long'), answer(question?.id), answer(3), answer('x'), answer('a.1')])
      expect((await gateway.send(message, { id })).status).toBe(202);
    expect(told).toEqual([]);
    await vi.waitFor(() => expect(gateway.calledOff).toBe(1));
    const foreign = [cancelled('long'), cancelled('other'), answer('abcdefgh.1')];
    for (const message of foreign) expect((await gateway.send(message, { id })).status).toBe(202);
    expect(told).toEqual(foreign);
    await calling.body?.cancel();
  });

  it('is over at all gateways once its client has ended it at one', async () => {
    const [a, b, c] = three();
    const id = await a.open();
    await c.call(id, 'who');
    expect((await b.send(undefined, { id, method: 'DELETE' })).status).toBe(200);
    await vi.waitFor(() => expect([a.gone, b.gone, c.gone]).toEqual([1, 1, 1]));
    for (const gateway of [a, b, c]) expect((await gateway.send(callOf('who'), { id })).status).toBe(404);
  });

  it('has a watch only while its client can be told, and is told once what it may have missed', async () => {
    const [a, b] = three();
    const id = await a.open();
    await a.call(id, 'who');
    expect([a.listens, a.listening]).toEqual([[], 0]);
    for (const gateway of [a, a, b]) {
      const stream = await gateway.send(undefined, { id, method: 'GET' });
      expect(gateway.listening).toBe(1);
      await stream.body?.cancel();
      await vi.waitFor(() => expect(gateway.listening).toBe(0));
    }
    expect([a.listens, b.listens]).toEqual([[false, true], [true]]);
  });

  it('is over where its client has ended it', async () => {
    const gateway = new Gateway('a');
    const id = await gateway.open();
    expect((await gateway.send(undefined, { id, method: 'DELETE' })).status).toBe(200);
    expect(gateway.gone).toBe(1);
    expect((await gateway.send(callOf('who'), { id })).status).toBe(404);
    expect((await gateway.send(undefined, { id, method: 'DELETE' })).status).toBe(404);
  });
});

it('keeps nothing of a session that rests, and serves it when it is asked again', async () => {
  const gateway = new Gateway('a');
  const id = await gateway.open();
  gateway.clock.advance(29 * MINUTE);
  await gateway.call(id, 'who');
  gateway.clock.advance(29 * MINUTE);
  expect([gateway.made, gateway.gone]).toEqual([1, 0]);
  gateway.clock.advance(2 * MINUTE);
  await vi.waitFor(() => expect(gateway.gone).toBe(1));
  expect(JSON.parse(await gateway.call(id, 'who')).by).toBe('a');
  expect(gateway.made).toBe(2);
});

it('a client that declares very much opens a session that knows nothing of it elsewhere', async () => {
  const seal = ownSeal();
  const [a, b] = [new Gateway('a', seal), new Gateway('b', seal)];
  const much = { experimental: { all: { text: 'x'.repeat(5_000) } }, elicitation: {} };
  const opened = await a.send({ ...INITIALIZE, params: { ...INITIALIZE.params, capabilities: much } });
  await opened.text();
  const id = opened.headers.get('mcp-session-id') ?? '';
  expect(id.length).toBeLessThan(500);
  expect(JSON.parse(await a.call(id, 'who')).client).toMatchObject({ elicitation: {} });
  expect(JSON.parse(await b.call(id, 'who')).client).toEqual({});
});

it('keeps a thousand sessions of one caller: what rests for the longest time makes room, and is served as before', async () => {
  const gateway = new Gateway('a');
  const first = await gateway.open();
  gateway.clock.advance(1);
  const second = await gateway.open();
  gateway.clock.advance(1);
  const bob = await gateway.open('bob');
  const calling = await gateway.send(callOf('wait'), { id: first });
  for (let session = 2; session < 1_000; session++) await gateway.open();
  expect(gateway.gone).toBe(0);
  // The first one is the oldest, but a call of it is in flight; bob's is nobody else's business.
  await gateway.open();
  expect([gateway.gone, gateway.made]).toEqual([1, 1_002]);
  expect(JSON.parse(await gateway.call(second, 'who')).client).toEqual({ elicitation: expect.any(Object) });
  expect([gateway.gone, gateway.made]).toEqual([2, 1_003]);
  expect((await gateway.send(callOf('who'), { id: bob, owner: 'bob' })).status).toBe(200);
  expect(gateway.made).toBe(1_003);
  await calling.body?.cancel();
});

it('refuses another session where none of a thousand rests', async () => {
  const gateway = new Gateway('a');
  const streams: Response[] = [];
  for (let session = 0; session < 1_000; session++)
    streams.push(await gateway.send(undefined, { id: await gateway.open(), method: 'GET' }));
  const refused = await gateway.send(INITIALIZE);
  expect([refused.status, ((await refused.json()) as Json).error.data.code]).toEqual([429, 'limit-reached']);
  expect(await gateway.open('bob')).not.toBe('');
  await streams[0]?.body?.cancel();
  await vi.waitFor(async () => expect((await gateway.send(INITIALIZE)).status).toBe(200));
});

it('begins no more sessions than there may be, however many come at the same time, and for nothing else', async () => {
  const gateway = new Gateway('a');
  const opened = Array.from({ length: 1_500 }, () => gateway.send(INITIALIZE));
  const statuses = (await Promise.all(opened)).map(({ status }) => status);
  expect(gateway.made - gateway.gone).toBe(1_000);
  expect(new Set(statuses)).toEqual(new Set([200, 429]));
  const { made } = gateway;
  for (const other of [callOf('who'), { jsonrpc: '2.0', method: 'notifications/initialized' }, []])
    expect((await gateway.send(other)).status).toBe(400);
  expect((await gateway.send(undefined, { method: 'GET' })).status).toBe(400);
  expect(gateway.made).toBe(made);
});

it.each([{ toString: 1, valueOf: 1 }, ['2025-06-18'], 7, null])(
  'answers whatever a client calls its protocol version: %j',
  async (protocolVersion) => {
    const gateway = new Gateway('a');
    const params = { ...INITIALIZE.params, protocolVersion };
    const response = await gateway.send({ ...INITIALIZE, params });
    expect([200, 400]).toContain(response.status);
    await response.body?.cancel();
  },
);

it('ends those that are being opened or taken up, too', async () => {
  const seal = ownSeal();
  const [a, b] = [new Gateway('a', seal), new Gateway('b', seal)];
  const id = await a.open();
  const [coming, opening] = [b.send(callOf('who'), { id }), b.send(INITIALIZE, { owner: 'bob' })];
  await b.sessions.end((owner) => owner === 'ada');
  expect((await coming).status).toBe(404);
  expect((await opening).status).toBe(200);
  await b.sessions.close();
  await vi.waitFor(() => expect(b.made - b.gone).toBe(0));
  expect((await b.send(callOf('who'), { id })).status).not.toBe(200);
  expect(b.made - b.gone).toBe(0);
});

it('a request that comes as its session is ended is answered', async () => {
  const gateway = new Gateway('a');
  const id = await gateway.open();
  const [called, ended] = await Promise.all([
    gateway.send(callOf('wait'), { id }),
    gateway.send(undefined, { id, method: 'DELETE' }),
  ]);
  expect(ended.status).toBe(200);
  expect([200, 404]).toContain(called.status);
  expect(await called.text()).not.toContain('wait:');
});

it('remembers what was ended for each caller by itself', async () => {
  const gateway = new Gateway('a');
  const id = await gateway.open();
  await gateway.send(undefined, { id, method: 'DELETE' });
  for (let at = 0; at < 1_001; at++) {
    const other = await gateway.open('bob');
    await gateway.send(undefined, { id: other, owner: 'bob', method: 'DELETE' });
  }
  expect((await gateway.send(callOf('who'), { id })).status).toBe(404);
});

it('gives up no session whose call lasts, or whose client listens', async () => {
  const gateway = new Gateway('a');
  const [calls, listens] = [await gateway.open(), await gateway.open()];
  const calling = await gateway.send(callOf('wait'), { id: calls });
  const stream = await gateway.send(undefined, { id: listens, method: 'GET' });
  gateway.clock.advance(40 * MINUTE);
  expect(gateway.gone).toBe(0);
  await calling.body?.cancel();
  await stream.body?.cancel();
  await vi.waitFor(() => expect(gateway.listening).toBe(0));
  gateway.clock.advance(29 * MINUTE);
  expect(gateway.gone).toBe(0);
  gateway.clock.advance(3 * MINUTE);
  await vi.waitFor(() => expect(gateway.gone).toBe(2));
});

it('event streams end as the gateway goes away, and go on at another one', async () => {
  const seal = ownSeal();
  const [a, b] = [new Gateway('a', seal), new Gateway('b', seal)];
  const id = await a.open();
  const stream = await a.send(undefined, { id, method: 'GET' });
  const left = a.streams.leave(MINUTE);
  const ended = stream.text();
  a.clock.advance(5_000);
  expect(await ended).not.toContain('data');
  await left;
  expect(a.streams.waiting).toBe(0);
  const next = await b.send(undefined, { id, method: 'GET' });
  expect([next.status, next.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
  await next.body?.cancel();
});
