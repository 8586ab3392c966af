/** Whether the network of a pod is held to its policy, seen from inside. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { checkIsolation } from '../../src/supervisor/isolation.ts';
import { settled, WatchedClock } from '../cluster-unit/watched-clock.ts';
import { freePort } from '../support/ports.ts';

let server: Server | undefined;
afterEach(() => server?.close());

const envOf = (port: number): NodeJS.ProcessEnv => ({
  KUBERNETES_SERVICE_HOST: '127.0.0.1',
  KUBERNETES_SERVICE_PORT: `${port}`,
});

/** An API server that anybody reaches; `calls` counts who did. */
async function open() {
  const calls: unknown[] = [];
  server = createServer((socket) => {
    calls.push(socket);
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, calls };
}

/** A network that does one after the other to calls, the last of it for ever; undefined: nothing at all. */
function network(...does: readonly (string | undefined)[]) {
  const calls: Socket[] = [];
  const connect = (): Socket => {
    const socket = new Socket();
    const what = does[Math.min(calls.push(socket), does.length) - 1];
    if (what === 'answers') setImmediate(() => socket.emit('connect'));
    else if (what !== undefined)
      setImmediate(() => socket.emit('error', Object.assign(new Error(what), { code: what })));
    return socket;
  };
  return { connect, calls };
}

/** With every wait over at once. */
async function found(connect: () => Socket) {
  const clock = new WatchedClock();
  const asked = checkIsolation({ env: envOf(443), clock, connect, patience: 10 });
  return await settled(asked, clock, 0);
}

it.each([
  ['yes', 2, [undefined]],
  ['yes', 2, ['EPERM']],
  ['yes', 2, ['EACCES', 'ETIMEDOUT']],
  // The policy came with the third; a packet was lost.
  ['yes', 4, ['answers', 'answers', undefined, undefined]],
  ['yes', 5, ['answers', 'answers', 'answers', undefined, undefined]],
  ['no', 4, [undefined, 'answers']],
  ['no', 5, ['answers', 'answers', 'answers', undefined, 'answers']],
  ['no', 4, ['ECONNREFUSED']],
  ['no', 4, ['ECONNRESET']],
  ['unknown', 4, ['ENETUNREACH']],
  ['unknown', 4, ['EHOSTUNREACH']],
  ['unknown', 4, ['ENETUNREACH', undefined, 'EADDRNOTAVAIL']],
] as const)('is %s after %i calls where the network does %j', async (isolation, many, does) => {
  const { connect, calls } = network(...does);
  expect(await found(connect)).toBe(isolation);
  expect(calls).toHaveLength(many);
  expect(calls.every(({ destroyed }) => destroyed)).toBe(true);
});

it('is not so where the call is refused: that is an answer', async () => {
  const port = await freePort();
  const clock = new WatchedClock();
  expect(await settled(checkIsolation({ env: envOf(port), clock }), clock, 0)).toBe('no');
});

it('is not so where it can, time and again: a policy may come a moment after its pod', async () => {
  const { port, calls } = await open();
  const clock = new WatchedClock();
  const found = checkIsolation({ env: envOf(port), clock });
  for (let tries = 1; tries < 4; tries++) {
    await expect.poll(() => clock.waits).toContain(1_000);
    expect(calls).toHaveLength(tries);
    clock.advance(1_000);
  }
  expect(await found).toBe('no');
  expect(calls).toHaveLength(4);
});

it.each([{}, { KUBERNETES_SERVICE_HOST: '127.0.0.1' }])(
  'is unknown outside of a cluster (%j)',
  async (env) => {
    expect(await checkIsolation({ env })).toBe('unknown');
  },
);

it('ends with its signal', async () => {
  const { port } = await open();
  await expect(
    checkIsolation({ env: envOf(port), signal: AbortSignal.abort(new Error('left')) }),
  ).rejects.toThrow('left');
});
