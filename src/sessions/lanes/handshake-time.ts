/** How long a process may take to answer a handshake of Berth's own, for which no client's deadline counts. */
import type { Cancel, Clock } from '../../clock.ts';
import { BerthError } from '../../errors.ts';
import type { Upstream } from '../upstream.ts';

export interface HandshakeTime {
  readonly clock: Clock;
  /** Milliseconds, from the start of the process. */
  readonly startTimeout: number;
}

/** Calls `late` when the process has run for so long without an answer; cancelled by whoever gets one. */
export function limitHandshake(
  upstream: Upstream,
  time: HandshakeTime,
  late: (error: BerthError) => void,
): Cancel {
  const { clock, startTimeout } = time;
  let cancel: Cancel = () => {};
  const wait = (started: boolean): void => {
    cancel = clock.after(startTimeout, () => {
      // A process that started meanwhile, or is still to start, has its whole time before it.
      if (started) late(silence(startTimeout));
      else wait(upstream.process !== undefined);
    });
  };
  wait(upstream.process !== undefined);
  return () => cancel();
}

function silence(ms: number): BerthError {
  return new BerthError('start-failed', `no answer to initialize within ${Math.round(ms / 1_000)} s`, {
    phase: 'handshake',
    hint: 'It may wait for something (a log-in, a network); raise limits.startTimeout if it is only slow.',
  });
}
