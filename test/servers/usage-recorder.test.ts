import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { NO_USAGE, type Usage } from '../../src/servers/usage.ts';
import { UsageRecorder, WRITE_EVERY } from '../../src/servers/usage-recorder.ts';
import { MemoryUsageStore } from './doubles.ts';

const NOON = Date.UTC(2026, 10, 21, 12);
const DAY = 24 * 3_600_000;

function createRecorder(keepDays = 90) {
  const store = new MemoryUsageStore();
  const clock = new ManualClock();
  const used = new Map<string, Usage>();
  const errors: unknown[] = [];
  const time = { now: NOON, takes: 0 };
  const host = {
    takeUsage: () => {
      time.takes++;
      const taken = new Map(used);
      used.clear();
      return taken;
    },
  };
  const recorder = new UsageRecorder({
    ...{ host, store, clock, keepDays },
    now: () => time.now,
    onError: (error) => errors.push(error),
  });
  const use = (calls: number) => used.set('s', { ...NO_USAGE, calls, bytesToServer: calls * 10 });
  return { recorder, store, clock, use, time, errors };
}

describe('usage', () => {
  it('is written now and then, in one sum a day', () => {
    const { store, clock, use } = createRecorder();
    use(3);
    clock.advance(WRITE_EVERY - 1);
    expect(store.rows.size).toBe(0);
    clock.advance(1);
    use(4);
    clock.advance(WRITE_EVERY);
    expect([...store.rows.values()]).toEqual([
      { server: 's', day: '2026-11-21', ...NO_USAGE, calls: 7, bytesToServer: 70 },
    ]);
  });

  it('is complete for whoever looks, with the sum of the days that were asked for', () => {
    const { recorder, use, time } = createRecorder();
    for (const calls of [1, 2, 4]) {
      use(calls);
      recorder.write();
      time.now += DAY;
    }
    use(8);
    expect(recorder.of('s', 30).days.map(({ day, calls }) => [day, calls])).toEqual([
      ['2026-11-24', 8],
      ['2026-11-23', 4],
      ['2026-11-22', 2],
      ['2026-11-21', 1],
    ]);
    expect(recorder.of('s', 2).sum).toEqual({ ...NO_USAGE, calls: 12, bytesToServer: 120 });
    expect(recorder.of('s', 0).days).toEqual([]);
    expect(recorder.of('another', 30)).toEqual({ days: [], sum: NO_USAGE });
  });

  it('is kept for so many days', () => {
    const { recorder, use, time, store } = createRecorder(2);
    for (let day = 0; day < 4; day++) {
      use(1);
      recorder.write();
      time.now += DAY;
    }
    expect([...store.rows.values()].map(({ day }) => day)).toEqual(['2026-11-23', '2026-11-24']);
  });

  it('that the store does not take is kept and tried again', () => {
    const { recorder, use, store, errors } = createRecorder();
    const add = store.add.bind(store);
    store.add = () => {
      throw new Error('disk full');
    };
    use(1);
    recorder.write();
    use(2);
    recorder.write();
    expect(errors).toHaveLength(2);
    store.add = add;
    recorder.write();
    expect(recorder.of('s', 1).sum.calls).toBe(3);
  });

  it('is written at the end, and not asked for any more', () => {
    const { recorder, use, store, clock, time } = createRecorder();
    use(5);
    recorder.close();
    expect(store.rows.get('s 2026-11-21')?.calls).toBe(5);
    const { takes } = time;
    clock.advance(10 * WRITE_EVERY);
    expect(time.takes).toBe(takes);
  });
});
