/** Who says something is waited for; who has said nothing for a while is given up, whatever is being done. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BerthError } from '../../src/errors.ts';
import { type Heard, whileHeard } from '../../src/packages/silence.ts';

const SILENCE = 6_000;
const silent = () => new BerthError('resolve-failed', 'silent');

describe('somebody', () => {
  let heard: () => void;
  let signal: AbortSignal;
  let done: (text: string) => void;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** What becomes of it, and whether that is known already. */
  function listen(given?: AbortSignal): { result: Promise<string>; settled: () => boolean } {
    const work = (link: Heard): Promise<string> => {
      ({ heard, signal } = link);
      return new Promise((resolve) => {
        done = resolve;
      });
    };
    const result = whileHeard({ silence: SILENCE, silent, signal: given }, work);
    let isSettled = false;
    result.then(
      () => {
        isSettled = true;
      },
      () => {
        isSettled = true;
      },
    );
    return { result, settled: () => isSettled };
  }

  it('who says nothing is given up, and what is done is called off', async () => {
    const { result, settled } = listen();
    await vi.advanceTimersByTimeAsync(SILENCE - 1);
    expect([settled(), signal.aborted]).toEqual([false, false]);
    await vi.advanceTimersByTimeAsync(2);
    await expect(result).rejects.toMatchObject({ message: 'silent' });
    expect(signal.aborted).toBe(true);
  });

  it('who stops in the middle is given up as soon after that', async () => {
    const { result, settled } = listen();
    await vi.advanceTimersByTimeAsync(SILENCE - 1);
    heard();
    await vi.advanceTimersByTimeAsync(SILENCE - 1);
    expect(settled()).toBe(false);
    await vi.advanceTimersByTimeAsync(2);
    await expect(result).rejects.toMatchObject({ message: 'silent' });
  });

  it('who goes on may take as long as it takes', async () => {
    const { result } = listen();
    for (let n = 0; n < 20; n++) {
      await vi.advanceTimersByTimeAsync(SILENCE - 1);
      heard();
    }
    done('all of it');
    expect(await result).toBe('all of it');
    await vi.advanceTimersByTimeAsync(2 * SILENCE);
    expect(signal.aborted).toBe(false);
  });

  it('who was not listened to because this program was busy is not given up', async () => {
    const { result, settled } = listen();
    // The time is up, and what has come meanwhile is read in the same turn.
    vi.advanceTimersByTime(SILENCE - 1);
    setTimeout(() => heard(), 1);
    await vi.advanceTimersByTimeAsync(2);
    expect(settled()).toBe(false);
    done('late');
    expect(await result).toBe('late');
  });

  it('whom nobody wants any more is told so', async () => {
    const abort = new AbortController();
    const { result } = listen(abort.signal);
    abort.abort(new Error('enough'));
    expect(signal.aborted).toBe(true);
    done('');
    await result;
  });
});
