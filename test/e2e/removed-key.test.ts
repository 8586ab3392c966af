/** A key that is removed takes with it what it has let in, however long that is open, and nothing that another key has let in. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createControlListener } from '../../src/api/control-listener.ts';
import { CLOSE_WITHIN } from '../../src/transports/websocket-connection.ts';
import { FIXTURE_ERAS, fixtureLaunch } from '../support/conformance-fixture.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { type OpenResponse, open } from '../support/http-client.ts';
import { bearer } from '../support/mcp-client.ts';
import { ModernHttpClient, ModernWsClient } from '../support/modern-client.ts';
import { SPEAKS } from '../support/requirements.ts';
import { SseClient } from '../support/sse-client.ts';
import { StreamableClient } from '../support/streamable-client.ts';
import { WsClient } from '../support/ws-client.ts';

const UNAUTHORIZED = 4401;
const LISTEN = { notifications: { toolsListChanged: true } };

let gateway: TestGateway;
beforeEach(async () => {
  gateway = await startGateway({
    servers: FIXTURE_ERAS.map((era) => ({ name: era, launch: fixtureLaunch(era), eras: SPEAKS[era] })),
    control: ({ guard }) =>
      createControlListener({
        app: {
          fetch: () =>
            new Response(new ReadableStream({ start: (log) => log.enqueue(Buffer.from('a line\n')) })),
        },
        guard,
        ready: () => true,
      }),
  });
});
afterEach(() => gateway?.close());

const isAcknowledged = ({ message }: { message: { method?: string } }): boolean =>
  message.method === 'notifications/subscriptions/acknowledged';

/** Everything that a caller can have open for long. */
async function openAll(key: string) {
  const base = gateway.url('legacy');
  const http = new StreamableClient(`${base}/mcp`, { key });
  const sse = await SseClient.connect(`${base}/sse`, { key, protocolVersion: '2024-11-05' });
  const ws = await WsClient.connect(`${base}/ws`, { key });
  for (const client of [http, sse, ws]) await client.initialize();
  const events = await http.get();
  const listening = new ModernHttpClient(`${gateway.url('modern')}/mcp`, { key });
  const modernWs = await ModernWsClient.connect(`${gateway.url('modern')}/ws`, { key });
  const listen = listening.start('subscriptions/listen', LISTEN);
  for (const { inbox } of [listen, modernWs.start('subscriptions/listen', LISTEN)])
    await inbox.take('the acknowledgement', isAcknowledged);
  const log = await open(`http://127.0.0.1:${gateway.port}/api/v1/servers/legacy/logs?follow=true`, {
    headers: bearer(key),
  });
  expect([events.status, log.status]).toEqual([200, 200]);
  return { http, sse, ws, events, listen, modernWs, log };
}

async function end(response: OpenResponse): Promise<string> {
  await response.gone();
  return 'ended';
}

it('ends connections, streams and logs of the key alone', async () => {
  const ada = await openAll(gateway.keys.add('ada'));
  const bob = await openAll(gateway.keys.add('bob'));
  let bobLost = 0;
  for (const gone of [
    bob.sse.ended,
    bob.events.gone(),
    bob.log.gone(),
    bob.ws.closed,
    bob.modernWs.inner.closed,
  ])
    void gone.then(() => bobLost++);

  gateway.keys.remove('ada');
  expect(await Promise.all([ada.ws.closed, ada.modernWs.inner.closed])).toEqual([UNAUTHORIZED, UNAUTHORIZED]);
  await Promise.all([ada.sse.ended, end(ada.events), end(ada.log)]);
  await expect(ada.listen.answer()).rejects.toThrow('the response has ended');
  const refused = await ada.http.post('{"jsonrpc":"2.0","id":1,"method":"ping"}');
  expect(refused.status).toBe(401);

  for (const client of [bob.http, bob.sse, bob.ws])
    expect((await client.request('1', 'ping')).message.result).toEqual({});
  expect((await bob.modernWs.request('tools/list')).result).toHaveProperty('tools');
  expect(bobLost).toBe(0);
});

it('answers nothing that a connection says after it', async () => {
  const key = gateway.keys.add('ada');
  const ws = await WsClient.connect(`${gateway.url('legacy')}/ws`, { key });
  await ws.initialize();
  ws.socket.pause();
  gateway.keys.remove('ada');
  await ws.send('{"jsonrpc":"2.0","id":1,"method":"ping"}');
  await sleep(CLOSE_WITHIN + 500);
  ws.socket.resume();
  expect(await ws.closed).toBe(UNAUTHORIZED);
  expect(ws.inbox.waiting).toEqual([]);
});
