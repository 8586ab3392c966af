/** Sessions on Berth's own endpoints, which any gateway with the same keys takes up. */
import { inputRequired, Server } from '@modelcontextprotocol/server';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { type Connect, LegacySessions } from '../../src/control/legacy-sessions.ts';
import { LongStreams } from '../../src/transports/long-streams.ts';
import { ownSeal } from '../support/own-seal.ts';

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

  constructor(name: string, seal = ownSeal()) {
    this.name = name;
    this.sessions = new LegacySessions({ what: 'a test', clock: this.clock, seal, streams: this.streams });
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
      const said = context.mcpReq.inputResponses?.person as { action: string } | undefined;
      if (said) return { content: [{ type: 'text', text: `${params.name}: ${said.action}` }] };
      const requestedSchema = { type: 'object' as const, properties: {} };
      const person = inputRequired.elicit({ message: params.name, requestedSchema });
      return inputRequired({ inputRequests: { person } });
    });
    await server.connect(transport);
    return () => this.gone++;
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

it('one caller has a hundred sessions at a gateway, and is told so', async () => {
  const gateway = new Gateway('a');
  for (let session = 0; session < 100; session++) await gateway.open();
  const refused = await gateway.send(INITIALIZE);
  expect([refused.status, ((await refused.json()) as Json).error.data.code]).toEqual([429, 'limit-reached']);
  expect(await gateway.open('bob')).not.toBe('');
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
