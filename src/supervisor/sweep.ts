/** Ends what a gateway that was killed left behind. */
import type { Clock } from '../clock.ts';
import { KillSet } from './kill-set.ts';
import { DEFAULT_GRACES, endKillSet } from './kill-set-ladder.ts';
import { type ProcessOwner, parseMark } from './process-mark.ts';
import type { ProcessTable } from './process-table.ts';

/** Milliseconds; only that there is a timer counts. */
const KEEP_ALIVE = 1_000;

export interface SweepOptions {
  readonly table: ProcessTable;
  readonly clock: Clock;
  /** Milliseconds from SIGTERM to SIGKILL. */
  readonly termMs?: number;
}

/**
 * Ends every process that carries a mark of this data folder and whose gateway is dead, with its children; never any other.
 * Resolves with the marks (one per server process) that were ended.
 */
export async function sweepOrphans(folder: string, options: SweepOptions): Promise<string[]> {
  const { table, clock, termMs = DEFAULT_GRACES.term } = options;
  const marks = new Set<string>();
  for (const { mark } of await table.scan()) {
    const owner = mark === undefined ? undefined : parseMark(mark);
    if (mark !== undefined && owner?.folder === folder && !isAlive(owner, table)) marks.add(mark);
  }
  const hurry = new AbortController().signal;
  // At the start of a program nothing else keeps it alive: our clocks' timers do not.
  const alive = setInterval(() => {}, KEEP_ALIVE);
  try {
    await Promise.all(
      [...marks].map((mark) => endKillSet(new KillSet({ mark }, table), { clock, termMs, hurry })),
    );
  } finally {
    clearInterval(alive);
  }
  return [...marks];
}

function isAlive(owner: ProcessOwner, table: ProcessTable): boolean {
  return table.started(owner.pid) === owner.started;
}
