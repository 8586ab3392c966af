/** Readers that take nothing: found by looking now and then, closed when they made no progress for too long (data-path.md 4.4). */
import type { Cancel, Clock } from '../clock.ts';
import type { EventStream } from './event-stream.ts';
import { STALL_LIMIT } from './reader.ts';

const LOOK_EVERY = 1_000;

/** Closes the stream's reader when its window has been full since {@link STALL_LIMIT}. `now` is a clock reading. */
export function closeStalled(stream: EventStream, now: number): void {
  if (!stream.stalled) return;
  if (stream.stalledSince === undefined) stream.stalledSince = now;
  else if (now - stream.stalledSince >= STALL_LIMIT) stream.close('slow');
}

/** Nobody sweeps a session that is over: looks at its last readers until `look` says that none is left to wait for. */
export function watchLastReaders(clock: Clock, look: (now: number) => boolean): void {
  const stop: Cancel = clock.every(LOOK_EVERY, () => {
    if (!look(clock.now())) stop();
  });
}
