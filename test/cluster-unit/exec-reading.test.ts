import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { systemClock } from '../../src/clock.ts';
import { ExecReading, QUIET } from '../../src/cluster/exec-reading.ts';

it('a program that was held up does not take its own silence for that of the command', async () => {
  const order: string[] = [];
  const free = Promise.withResolvers<void>();
  const reading = new ExecReading({
    socket: { pause: () => {}, resume: () => {} } as unknown as WebSocket,
    clock: systemClock,
    onStall: () => {},
    onFree: () => {
      order.push('free');
      free.resolve();
    },
  });
  // From here on timers come before what is read.
  await turn();
  reading.pause();
  reading.resume();
  // It has come while nothing could be read.
  setImmediate(() => {
    order.push('read');
    reading.received(1);
  });
  const busy = performance.now() + 2 * QUIET;
  while (performance.now() < busy);
  await free.promise;
  expect(order).toEqual(['read', 'free']);
});
