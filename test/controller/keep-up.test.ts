import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { keepUp } from '../../src/controller/keep-up.ts';

const EVERY = 60_000;

let clock: ManualClock;
let runs: number;
let faults: unknown[];
let outcome: () => Promise<void>;

beforeEach(() => {
  clock = new ManualClock();
  runs = 0;
  faults = [];
  outcome = async () => {};
});

const begin = () =>
  keepUp(
    () => {
      runs++;
      return outcome();
    },
    { clock, every: EVERY, onFault: (thrown) => void faults.push(thrown) },
  );
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Seconds until it runs the next time. */
async function secondsToNext(): Promise<number> {
  await turn();
  const before = runs;
  let seconds = 0;
  for (; runs === before && seconds < 1_000; seconds++) {
    clock.advance(1_000);
    await turn();
  }
  return seconds;
}

describe('what is kept up', () => {
  it('is done at once, and then at its interval', async () => {
    const kept = begin();
    await kept.tried;
    expect([runs, await secondsToNext(), await secondsToNext(), faults]).toEqual([1, 60, 60, []]);
    kept.stop();
  });

  it('is tried again soon when it fails, later and later, and at its interval once it has come through', async () => {
    const broken = new Error('the API server refuses');
    outcome = () => Promise.reject(broken);
    const kept = begin();
    await kept.tried;
    const waits: number[] = [];
    for (let count = 0; count < 8; count++) waits.push(await secondsToNext());
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
    expect(faults).toEqual(Array.from({ length: 9 }, () => broken));
    outcome = async () => {};
    await secondsToNext();
    expect(await secondsToNext()).toBe(60);
    outcome = () => Promise.reject(broken);
    await secondsToNext();
    expect(await secondsToNext()).toBe(1);
    kept.stop();
  });

  it('is not done beside itself', async () => {
    const slow = Promise.withResolvers<void>();
    outcome = () => slow.promise;
    const kept = begin();
    clock.advance(10 * EVERY);
    await turn();
    expect(runs).toBe(1);
    slow.resolve();
    await kept.tried;
    expect(await secondsToNext()).toBe(60);
    kept.stop();
  });

  it.each(['while it waits', 'while it runs'])('ends when it is stopped %s', async (when) => {
    const slow = Promise.withResolvers<void>();
    outcome = () => slow.promise;
    const kept = begin();
    if (when === 'while it waits') slow.resolve();
    await turn();
    kept.stop();
    slow.resolve();
    await kept.tried;
    clock.advance(10 * EVERY);
    await turn();
    expect(runs).toBe(1);
  });
});
