/** Whether the network of a pod is held to its policy, seen from inside. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { checkIsolation } from '../../src/supervisor/isolation.ts';
import { WatchedClock } from '../cluster-unit/watched-clock.ts';
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

it('is so where the API server cannot be reached', async () => {
  expect(await checkIsolation({ env: envOf(await freePort()) })).toBe('yes');
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

it('is so from the moment on in which the policy is there', async () => {
  const { port, calls } = await open();
  const clock = new WatchedClock();
  const found = checkIsolation({ env: envOf(port), clock });
  await expect.poll(() => calls.length).toBe(1);
  server?.close();
  await expect.poll(() => clock.waits).toContain(1_000);
  clock.advance(1_000);
  expect(await found).toBe('yes');
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
