/** Frames of an exec: one alone leaves at once, many wait for each other. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FramePace } from '../../src/cluster/exec-pace.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'setImmediate'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A queue that is asked to leave whenever something comes, as an exec's is. */
function line() {
  const pace = new FramePace();
  const frames: number[] = [];
  let waiting = 0;
  let asked = false;
  const push = (bytes: number): void => {
    waiting += bytes;
    if (asked) return;
    asked = true;
    pace.next(waiting, () => {
      asked = false;
      frames.push(waiting);
      waiting = 0;
      pace.sent();
    });
  };
  return { push, frames };
}

it('lets one message a millisecond leave in the next turn', () => {
  const { push, frames } = line();
  for (let n = 1; n <= 5; n++) {
    push(100);
    vi.advanceTimersByTime(0);
    expect(frames).toHaveLength(n);
    vi.advanceTimersByTime(1);
  }
  expect(frames).toEqual([100, 100, 100, 100, 100]);
});

it('gathers what comes after the first two of a millisecond until the next', () => {
  const { push, frames } = line();
  for (let n = 0; n < 10; n++) {
    push(100);
    vi.advanceTimersByTime(0);
  }
  expect(frames).toEqual([100, 100]);
  vi.advanceTimersByTime(1);
  expect(frames).toEqual([100, 100, 800]);
});

it('holds nothing back that fills a frame', () => {
  const { push, frames } = line();
  for (let n = 0; n < 10; n++) {
    push(16 * 1024);
    vi.advanceTimersByTime(0);
  }
  expect(frames).toHaveLength(10);
});
