import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import { afterEach, expect, it, vi } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { createHttpFront, type HttpFront } from '../../src/transports/http-server.ts';

const LATECOMERS = 5_000;

let front: HttpFront;
let clock: ManualClock;
afterEach(() => front.close());

/** A server whose answers the test gives. */
async function start() {
  const held: (() => void)[] = [];
  clock = new ManualClock();
  front = createHttpFront({
    dataPlane: { handle: () => false, upgrade: () => false, leave: async () => {}, close: () => {} },
    control: (_request, response) => {
      response.flushHeaders();
      held.push(() => response.end('done'));
    },
    ...{ headers: 100, connections: 100, clock },
  });
  const { port } = await front.listen(0, '127.0.0.1');
  return { held, url: `http://127.0.0.1:${port}/` };
}

/** A client that keeps one connection, and sends as soon as it has a connection to send on. */
function keptAlive(url: string) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const sent: ClientRequest[] = [];
  const post = (): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      sent.push(request(url, { method: 'POST', agent }, resolve).on('error', reject).end());
    });
  return { post, reused: () => sent.map(({ reusedSocket }) => reusedSocket), end: () => agent.destroy() };
}

it('a call in flight is answered before the gateway ends, and nothing new is taken any more', async () => {
  const { held, url } = await start();
  const call = await fetch(url, { method: 'POST' });
  let drained = false;
  const draining = front.drain(60_000).then(() => {
    drained = true;
  });
  clock.advance(LATECOMERS);
  await vi.waitFor(() => expect(fetch(url)).rejects.toThrow());
  expect(drained).toBe(false);
  held[0]?.();
  expect(await call.text()).toBe('done');
  await draining;
});

it('who comes late is served, and told to end the connection', async () => {
  const { held, url } = await start();
  const call = await fetch(url, { method: 'POST' });
  const draining = front.drain(60_000);
  clock.advance(LATECOMERS - 1);
  const late = await fetch(url, { method: 'POST' });
  expect(late.headers.get('connection')).toBe('close');
  for (const end of held) end();
  expect([await call.text(), await late.text()]).toEqual(['done', 'done']);
  clock.advance(1);
  await draining;
});

it('a connection from before takes one request more, and is told to end with it', async () => {
  const { held, url } = await start();
  const { post, end } = keptAlive(url);
  const call = await post();
  expect(call.headers.connection).toBe('keep-alive');
  const draining = front.drain(60_000);
  const next = post();
  held[0]?.();
  await call.resume().toArray();
  expect((await next).headers.connection).toBe('close');
  held[1]?.();
  clock.advance(LATECOMERS);
  await draining;
  end();
});

it('a connection that rests is not closed under a request that is on its way', async () => {
  const { held, url } = await start();
  const { post, reused, end } = keptAlive(url);
  const call = await post();
  held[0]?.();
  await call.resume().toArray();
  const draining = front.drain(60_000);
  clock.advance(LATECOMERS - 1);
  const next = await post();
  expect(next.headers.connection).toBe('close');
  expect(reused()).toEqual([false, true]);
  held[1]?.();
  await next.resume().toArray();
  clock.advance(1);
  await draining;
  end();
});

it('nothing is waited for when nobody is connected', async () => {
  await start();
  await front.drain(60_000);
});

it('open streams of readers are not waited for', async () => {
  const { url } = await start();
  const stream = await fetch(url);
  const draining = front.drain(60_000);
  clock.advance(LATECOMERS);
  await draining;
  await front.close();
  await expect(stream.text()).rejects.toThrow();
});

it('a call that does not end is given up', async () => {
  const { url } = await start();
  const call = await fetch(url, { method: 'POST' });
  const draining = front.drain(5);
  clock.advance(5);
  await draining;
  await front.close();
  await expect(call.text()).rejects.toThrow();
});
