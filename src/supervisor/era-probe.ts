/** Which eras a server speaks, tried on throw-away processes of its own: some servers exit on a message that they do not know (data-path.md section 6). */
import { systemClock } from '../clock.ts';
import { toBerthError } from '../errors.ts';
import { discover } from './discover.ts';
import { handshake } from './handshake.ts';
import type { Era, HandshakeReport } from './handshake-report.ts';
import { type HandshakeOptions, RefusedError } from './probe-conversation.ts';
import type { LocalProcess } from './process.ts';

/** Milliseconds, and multiples of the first answer's own time, that the other era gets once one has answered. */
const LEAST_MORE = 2_000;
const TIMES_MORE = 3;

/** In the order in which they are told. */
const ERAS: readonly Era[] = ['legacy', 'modern'];

export interface EraProbeOptions extends HandshakeOptions {
  /** Those that the server must show to speak: one of them is tried alone, none leaves it to the server. */
  readonly eras?: readonly Era[];
}

type Outcome = HandshakeReport | undefined;

/**
 * Tries both eras at once. Only an answer shows that an era is spoken; a server that speaks neither rejects with why the legacy
 * handshake failed, as that is what almost every server speaks. The processes are then told to end, which may take their whole
 * ladder: somebody waits for the answer, and need not wait for that.
 */
export async function probeEras(
  start: (era: Era) => Promise<LocalProcess>,
  options: EraProbeOptions,
): Promise<HandshakeReport> {
  const { eras = [] } = options;
  const hurry = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, hurry.signal]) : hurry.signal;
  const tried = { ...options, signal };
  const isTried = (era: Era): boolean => eras.length === 0 || eras.includes(era);
  const soon = (outcome: Outcome): Outcome => {
    // What must be spoken has all of its time.
    if (outcome && eras.length === 0) hurryUp(hurry, options, outcome);
    return outcome;
  };
  const ends: Promise<unknown>[] = [];
  const ask = async (era: Era, talk: typeof handshake): Promise<Outcome> => {
    if (!isTried(era)) return undefined;
    const process = await start(era);
    try {
      return soon(await talk(process, tried));
    } finally {
      ends.push(process.stop());
    }
  };
  const [old, recent] = await Promise.allSettled([ask('legacy', handshake), ask('modern', discover)]);
  try {
    options.signal?.throwIfAborted();
    for (const [index, outcome] of [old, recent].entries())
      if (eras.includes(ERAS[index] as Era) && outcome.status === 'rejected')
        throw toBerthError(outcome.reason);
    return combine(old, recent);
  } catch (failure) {
    // Nobody waits for a server that does not start, and its next try finds nothing of this one.
    await Promise.all(ends);
    throw failure;
  }
}

/** By the time of the answer alone: a server that is slow to list its tools says nothing of how long the other era takes. */
function hurryUp(
  hurry: AbortController,
  { clock = systemClock }: EraProbeOptions,
  { handshakeMs }: HandshakeReport,
): void {
  const more = Math.max(LEAST_MORE, TIMES_MORE * handshakeMs);
  clock.after(more, () => hurry.abort());
}

function isAnswered(outcome: PromiseSettledResult<Outcome>): boolean {
  return outcome.status === 'fulfilled' || outcome.reason instanceof RefusedError;
}

function combine(old: PromiseSettledResult<Outcome>, recent: PromiseSettledResult<Outcome>): HandshakeReport {
  const legacy = old.status === 'fulfilled' ? old.value : undefined;
  const modern = recent.status === 'fulfilled' ? recent.value : undefined;
  const report = legacy ?? modern;
  if (report)
    return {
      ...report,
      eras: [...(legacy ? (['legacy'] as const) : []), ...(modern ? (['modern'] as const) : [])],
      conclusive: [old, recent].every(isAnswered),
    };
  throw toBerthError(old.status === 'rejected' ? old.reason : (recent as PromiseRejectedResult).reason);
}
