/** A link to a supervisor that is being started: tried again soon, and no failure. */
import { expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { LinkCount } from '../../src/link/link-count.ts';
import { createLinkServer } from '../../src/link/link-server.ts';
import { createSocketLink } from '../../src/link/socket-link.ts';
import { Harness } from '../sessions/harness.ts';
import { until } from './waiting.ts';
import { Wire } from './wire.ts';

const question = { what: 'sessions', server: 's' } as const;

function fixture() {
  const harness = new Harness();
  const server = createLinkServer(harness.supervisor, { answer: () => Promise.resolve(['answered']) });
  const clock = new ManualClock();
  const count = new LinkCount();
  const seen = { tries: 0, starting: true, listens: false, states: [] as boolean[] };
  const link = createSocketLink({
    connect: () => {
      seen.tries++;
      if (!seen.listens) return Promise.reject(new Error('nobody is there'));
      const wire = new Wire();
      server.serve(wire.supervisor);
      return Promise.resolve(wire.gateway);
    },
    instance: 'gateway',
    lazy: true,
    starting: () => seen.starting,
    clock,
    count,
    onState: (up) => seen.states.push(up),
  });
  const pass = async (ms: number): Promise<void> => {
    for (let at = 0; at < ms; at += 50) {
      clock.advance(50);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const close = async (): Promise<void> => {
    await link.close();
    await server.close();
    await harness.close();
  };
  return { link, seen, count, pass, close };
}

it('is tried soon again for as long as it starts, more seldom the longer that takes', async () => {
  const { link, seen, count, pass, close } = fixture();
  const answer = link.ask?.(question);
  await pass(8_000);
  expect(seen.tries).toBeGreaterThan(30);
  expect(seen.tries).toBeLessThan(120);
  expect([count.breaks, seen.states]).toEqual([0, []]);
  seen.listens = true;
  await pass(1_000);
  await until('the link', () => seen.states.length > 0);
  expect(await answer).toEqual(['answered']);
  expect([count.breaks, count.connects, seen.states]).toEqual([0, 1, [true]]);
  await close();
});

it('is down like any other when it has run and cannot be reached', async () => {
  const { link, seen, count, pass, close } = fixture();
  const answer = link.ask?.(question).catch(() => 'refused');
  await pass(1_000);
  expect(count.breaks).toBe(0);
  seen.starting = false;
  await pass(4_000);
  expect(count.breaks).toBeGreaterThan(1);
  expect(seen.states).toEqual(Array.from({ length: count.breaks }, () => false));
  await close();
  expect(await answer).toBe('refused');
  await until('the end', () => count.links === 0);
});
