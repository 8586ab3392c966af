import { Agent, type IncomingMessage, request } from 'node:http';
import { afterEach, expect, it } from 'vitest';
import { createHttpFront, type HttpFront } from '../../src/transports/http-server.ts';

let front: HttpFront;
afterEach(() => front.close());

/** A server whose answers the test gives. */
async function start() {
  const held: (() => void)[] = [];
  front = createHttpFront({
    dataPlane: { handle: () => false, upgrade: () => false, leave: async () => {}, close: () => {} },
    control: (_request, response) => {
      response.flushHeaders();
      held.push(() => response.end('done'));
    },
    headers: 100,
    connections: 100,
  });
  const { port } = await front.listen(0, '127.0.0.1');
  return { held, url: `http://127.0.0.1:${port}/` };
}

it('a call in flight is answered before the gateway ends, and nothing new is taken', async () => {
  const { held, url } = await start();
  const call = await fetch(url, { method: 'POST' });
  let drained = false;
  const draining = front.drain(60_000).then(() => {
    drained = true;
  });
  await expect(fetch(url)).rejects.toThrow();
  expect(drained).toBe(false);
  held[0]?.();
  expect(await call.text()).toBe('done');
  await draining;
});

it('a connection from before takes one request more, and is told to end with it', async () => {
  const { held, url } = await start();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const post = (): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      request(url, { method: 'POST', agent }, resolve).on('error', reject).end();
    });
  const call = await post();
  expect(call.headers.connection).toBe('keep-alive');
  const draining = front.drain(60_000);
  const next = post();
  held[0]?.();
  await call.resume().toArray();
  expect((await next).headers.connection).toBe('close');
  held[1]?.();
  await draining;
  agent.destroy();
});

it('open streams of readers are not waited for', async () => {
  const { url } = await start();
  const stream = await fetch(url);
  await front.drain(60_000);
  await front.close();
  await expect(stream.text()).rejects.toThrow();
});

it('a call that does not end is given up', async () => {
  const { url } = await start();
  const call = await fetch(url, { method: 'POST' });
  await front.drain(5);
  await front.close();
  await expect(call.text()).rejects.toThrow();
});
