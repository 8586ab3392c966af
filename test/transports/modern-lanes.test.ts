/** Modern clients through the whole gateway on a legacy server: a call that asks goes on over either transport, and leaving cancels (data-path.md 7.1, 8). */
import { afterEach, describe, expect, it } from 'vitest';
import type { Line, ServerSide } from '../sessions/harness.ts';
import { open } from '../support/http-client.ts';
import type { Message } from '../support/inbox.ts';
import { eventually } from '../support/local-process.ts';
import { requestText } from '../support/mcp-client.ts';
import { WsClient } from '../support/ws-client.ts';
import { called, type Front, type FrontOptions, startFront } from './front.ts';
import { CAPABILITIES_KEY, headersFor, META, TYPES } from './modern-front.ts';

const ASKS = { ...META, [CAPABILITIES_KEY]: { elicitation: {} } };
const QUESTION = { message: 'name?', requestedSchema: { type: 'object', properties: {} } };
const RESPONSE = { action: 'accept', content: { name: 'ada' } };

/** One modern client; each request is sent at once and answered when the server has answered. */
interface Client {
  send(id: string, params: object): Promise<Message>;
  /** Gives the request up in the way of the transport. */
  cancel(id: string): void;
  close(): Promise<void>;
}

let front: Front;
let client: Client;
afterEach(async () => {
  await client.close();
  await front.close();
});

function text(id: string, params: object): string {
  return requestText(id, 'tools/call', { ...params, _meta: ASKS });
}

function httpClient(): Client {
  const abandoned = new Map<string, () => void>();
  return {
    send: async (id, params) => {
      const headers = { ...TYPES, ...headersFor('tools/call', params) };
      const url = new URL(`${front.base}/mcp`);
      const gone = new AbortController();
      abandoned.set(id, () => gone.abort());
      const sent = { method: 'POST', headers, body: text(id, params), signal: gone.signal };
      return (await (await fetch(url, sent)).json()) as Message;
    },
    cancel: (id) => abandoned.get(id)?.(),
    close: () => Promise.resolve(),
  };
}

async function webSocketClient(): Promise<Client> {
  const socket = await WsClient.connect(`${front.base}/ws`);
  return {
    send: async (id, params) => {
      await socket.send(text(id, params));
      return (await socket.inbox.answer(id)).message;
    },
    cancel: (id) => void socket.notify('notifications/cancelled', { requestId: Number(id) }),
    close: () => socket.close(),
  };
}

/**
 * The server's side of the process that a request has started, and the id of its call there. Where there are headers of
 * parameters to compare, the server is asked for its tools before.
 */
async function reached(): Promise<{ server: ServerSide; id: unknown }> {
  let listed = 0;
  await eventually('the call', () => {
    const [server] = front.harness.servers;
    for (const { id } of server?.of('tools/list').slice(listed) ?? []) {
      listed++;
      server?.answer(id, { tools: [] });
    }
    return server?.id('tools/call') !== undefined;
  });
  const { server } = front.harness;
  return { server, id: server.id('tools/call') };
}

/** Lets the server ask during its newest call; gives the call and the client's answer to it. */
async function asked(answer: Promise<Message>): Promise<{ id: unknown; state: string; key: string }> {
  const { server, id } = await reached();
  server.say({ jsonrpc: '2.0', id: 'q', method: 'elicitation/create', params: QUESTION });
  let result: Record<string, unknown> | undefined;
  void answer.then(({ result: given }) => {
    result = given;
  });
  await eventually('the question at the client', () => {
    front.harness.clock.advance(20);
    return result !== undefined;
  });
  expect(result?.resultType).toBe('input_required');
  const [key = ''] = Object.keys(result?.inputRequests as object);
  return { id, key, state: String(result?.requestState) };
}

describe.each([
  ['streamable-http', () => Promise.resolve(httpClient())],
  ['websocket', webSocketClient],
])('over %s', (_name, connect) => {
  async function start(options: FrontOptions = {}): Promise<void> {
    front = await startFront(options);
    client = await connect();
  }

  it('a question is answered by the next request, and the call goes on where it stood', async () => {
    await start();
    const { id, key, state } = await asked(client.send('1', { name: 't' }));
    const retried = client.send('2', { name: 't', inputResponses: { [key]: RESPONSE }, requestState: state });
    const { server } = front.harness;
    await eventually('the answer at the server', () =>
      server.lines.some(({ result }) => result !== undefined),
    );
    expect(server.lines.find((line: Line) => line.id === 'q')?.result).toEqual(RESPONSE);
    server.answer(id, { content: [] });
    expect((await retried).result).toMatchObject({ resultType: 'complete', content: [] });
    expect(server.of('tools/call')).toHaveLength(1);
  });

  it.each([
    ['that was tampered with', (state: string) => `${state}-TAMPERED`],
    ['of nobody', () => 'nothing'],
  ])('a state %s is refused under the id of its request, and the call waits on', async (_what, wrong) => {
    await start();
    const { key, state } = await asked(client.send('1', { name: 't' }));
    const retry = { name: 't', inputResponses: { [key]: RESPONSE }, requestState: wrong(state) };
    expect(await client.send('2', retry)).toMatchObject({ id: 2, error: { code: -32602 } });
    expect(front.harness.server.lines.some(({ result }) => result !== undefined)).toBe(false);
  });

  it('a client that gives its call up has cancelled it at the server', async () => {
    await start();
    const answer = client.send('1', { name: 't' });
    answer.catch(() => {});
    const { server, id } = await reached();
    client.cancel('1');
    await called(server, 'notifications/cancelled');
    expect(server.of('notifications/cancelled')[0]?.params.requestId).toBe(id);
  });

  it('the method that a server does not have is -32601', async () => {
    await start();
    const answer = client.send('1', { name: 't' });
    const { server, id } = await reached();
    server.say({ jsonrpc: '2.0', id, error: { code: -32601, message: 'no' } });
    expect((await answer).error?.code).toBe(-32601);
  });
});

it('the error of a server has its status over HTTP', async () => {
  front = await startFront();
  client = httpClient();
  const params = { name: 't' };
  const response = open(`${front.base}/mcp`, {
    method: 'POST',
    headers: { ...TYPES, ...headersFor('tools/call', params) },
    body: text('1', params),
  });
  const { server, id } = await reached();
  server.say({ jsonrpc: '2.0', id, error: { code: -32601, message: 'no' } });
  expect((await response).status).toBe(404);
});
