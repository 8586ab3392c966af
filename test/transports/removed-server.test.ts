/** Clients that are connected to a server while it is removed. */
import { afterEach, expect, it } from 'vitest';
import { eventually } from '../support/local-process.ts';
import { WsClient } from '../support/ws-client.ts';
import { type Front, startFront } from './front.ts';

let front: Front;
afterEach(() => front.close());

it('call nothing more on it over a WebSocket, and get the answers that they wait for', async () => {
  front = await startFront();
  const client = await WsClient.connect(`${front.base}/ws`);
  await client.initialize();
  const { server } = front.harness;
  const before = client.request('2', 'tools/call');
  await eventually('the call', () => server.of('tools/call').length === 1);
  front.served.id = 'another-of-that-name';
  const { message: refused } = await client.request('3', 'tools/call');
  expect(refused).toMatchObject({
    id: 3,
    error: { message: 'the server memory of this connection was removed', data: { code: 'not-found' } },
  });
  expect(server.of('tools/call')).toHaveLength(1);
  server.answer(server.id('tools/call'));
  expect((await before).message.result).toBeDefined();
  await client.close();
});
