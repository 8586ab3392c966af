/** Readers that take nothing: found by looking now and then, to be closed when they made no progress for too long (data-path.md 4.4). */
import type { Cancel, Clock } from '../clock.ts';
import type { EventStream } from './event-stream.ts';
import { STALL_LIMIT } from './reader.ts';

const LOOK_EVERY = 1_000;

/** Whether the stream's reader has made no progress since {@link STALL_LIMIT} with `least` bytes on their way to it. `now` is a clock reading. */
export function isStalled(stream: EventStream, now: number, least: number): boolean {
  if (stream.reader === undefined || stream.inFlight < least) return false;
  stream.stalledSince ??= now;
  return now - stream.stalledSince >= STALL_LIMIT;
}

/** Nobody sweeps a session that is over: looks at its last readers until `look` says that none is left to wait for. */
export function watchLastReaders(clock: Clock, look: (now: number) => boolean): void {
  const stop: Cancel = clock.every(LOOK_EVERY, () => {
    if (!look(clock.now())) stop();
  });
}
