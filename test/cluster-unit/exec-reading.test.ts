import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { ManualClock, systemClock } from '../../src/clock.ts';
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

/** Looks at when sending is allowed again: milliseconds since reading went on, when a command says something every `every` ms. */
function freeAfter(every: number, { bytes, within }: { bytes: number; within: number }): number | undefined {
  const clock = new ManualClock();
  let free: number | undefined;
  const reading = new ExecReading({
    socket: { pause: () => {}, resume: () => {} } as unknown as WebSocket,
    clock,
    onStall: () => {},
    onFree: () => {
      free = clock.now() - begun;
    },
  });
  const begun = clock.now();
  reading.pause();
  reading.resume();
  for (let ms = 1; free === undefined && ms <= within; ms++) {
    clock.advance(1);
    if (ms % every === 0) reading.received(bytes);
    expect(reading.holdsWrites).toBe(free === undefined);
  }
  return free;
}

it('what had piled up has been read when nothing comes for a moment, or when more has come than can pile up', () => {
  expect(freeAfter(1_000, { bytes: 1, within: 60 })).toBe(QUIET);
  expect(freeAfter(1, { bytes: 1024 * 1024, within: 60 })).toBe(16);
});

it('a command that keeps saying something does not hold up for long what is sent to it', () => {
  expect(freeAfter(40, { bytes: 100, within: 10_000 })).toBeLessThanOrEqual(5_000);
  expect(freeAfter(1, { bytes: 100, within: 10_000 })).toBe(5_000);
});
