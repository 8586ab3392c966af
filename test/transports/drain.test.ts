import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { createHttpFront, type HttpFront } from '../../src/transports/http-server.ts';

const [LATECOMERS, QUIET, STEP] = [5_000, 1_000, 50];
const MOST_STEPS = 400;

let front: HttpFront;
let clock: ManualClock;
afterEach(() => front.close());

/** A server whose answers the test gives. */
async function start() {
  const held: (() => void)[] = [];
  clock = new ManualClock();
  front = createHttpFront({
    dataPlane: {
      handle: () => false,
      upgrade: () => false,
      leave: async () => {},
      streams: () => 0,
      close: () => {},
    },
    control: ({ url }, response) => {
      if (url !== '/silent') response.flushHeaders();
      held.push(() => response.end('done'));
    },
    ...{ headers: 100, connections: 100, clock },
  });
  const { port } = await front.listen(0, '127.0.0.1');
  return { held, url: `http://127.0.0.1:${port}/` };
}

/** Time passes as it does: in steps between which connections come and go. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += STEP) {
    clock.advance(STEP);
    await sleep(1);
  }
}

/** A client that keeps one connection, and sends as soon as it has a connection to send on. */
function keptAlive(url: string) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const sent: ClientRequest[] = [];
  const post = (path = ''): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      sent.push(request(`${url}${path}`, { method: 'POST', agent }, resolve).on('error', reject).end());
    });
  return { post, reused: () => sent.map(({ reusedSocket }) => reusedSocket), end: () => agent.destroy() };
}

/** A drain that is under way. */
function drain(ms = 60_000) {
  const state = {
    over: false,
    /** Lets time pass until it is over; far less than it may take. */
    isOver: async (): Promise<void> => {
      for (let steps = 0; steps < MOST_STEPS && !state.over; steps++) await pass(STEP);
      expect(state.over).toBe(true);
    },
  };
  void front.drain(ms).then(() => {
    state.over = true;
  });
  return state;
}

it('a call in flight is answered before the gateway ends, and nothing new is taken any more', async () => {
  const { held, url } = await start();
  const call = await fetch(url, { method: 'POST' });
  const draining = drain();
  await pass(LATECOMERS);
  await expect(fetch(url)).rejects.toThrow();
  await pass(LATECOMERS);
  expect(draining.over).toBe(false);
  held[0]?.();
  expect(await call.text()).toBe('done');
  await draining.isOver();
});

it('who comes late is served, and told to end the connection', async () => {
  const { held, url } = await start();
  const call = await fetch(url, { method: 'POST' });
  const draining = drain();
  await pass(LATECOMERS - STEP);
  const late = await fetch(url, { method: 'POST' });
  expect(late.headers.get('connection')).toBe('close');
  for (const end of held) end();
  expect([await call.text(), await late.text()]).toEqual(['done', 'done']);
  await draining.isOver();
});

it('a call that was asked before ends its connection with its answer, too', async () => {
  const { held, url } = await start();
  const { post, end } = keptAlive(url);
  const call = post('silent');
  await expect.poll(() => held.length).toBe(1);
  const draining = drain();
  await pass(LATECOMERS + STEP);
  held[0]?.();
  expect((await call).headers.connection).toBe('close');
  await (await call).resume().toArray();
  await draining.isOver();
  end();
});

it('a connection whose answer had begun takes one request more, and is told to end with it', async () => {
  const { held, url } = await start();
  const { post, reused, end } = keptAlive(url);
  const call = await post();
  expect(call.headers.connection).toBe('keep-alive');
  const draining = drain();
  await pass(LATECOMERS + STEP);
  held[0]?.();
  await call.resume().toArray();
  await pass(QUIET - STEP);
  const next = await post();
  expect(next.headers.connection).toBe('close');
  expect(reused()).toEqual([false, true]);
  held[1]?.();
  await next.resume().toArray();
  await draining.isOver();
  end();
});

it('a connection that rests is not closed under a request that is on its way', async () => {
  const { held, url } = await start();
  const { post, reused, end } = keptAlive(url);
  const call = await post();
  held[0]?.();
  await call.resume().toArray();
  const draining = drain();
  await pass(LATECOMERS - STEP);
  const next = await post();
  expect(next.headers.connection).toBe('close');
  expect(reused()).toEqual([false, true]);
  held[1]?.();
  await next.resume().toArray();
  await draining.isOver();
  end();
});

it('a second without anybody is enough', async () => {
  await start();
  const draining = drain();
  await pass(QUIET - STEP);
  expect(draining.over).toBe(false);
  await draining.isOver();
});

it('open streams of readers are not waited for', async () => {
  const { url } = await start();
  const stream = await fetch(url);
  const draining = drain();
  await draining.isOver();
  await front.close();
  await expect(stream.text()).rejects.toThrow();
});

it('a call that does not end is given up; half of a short time is without new ones', async () => {
  const { url } = await start();
  const call = await fetch(url, { method: 'POST' });
  const draining = drain(8 * STEP);
  await pass(4 * STEP);
  await expect(fetch(url)).rejects.toThrow();
  expect(draining.over).toBe(false);
  await draining.isOver();
  await front.close();
  await expect(call.text()).rejects.toThrow();
});
