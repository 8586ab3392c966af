/** Ends what a gateway that was killed left behind. */
import type { Clock } from '../clock.ts';
import { KillSet } from './kill-set.ts';
import { DEFAULT_GRACES, endKillSet } from './kill-set-ladder.ts';
import { type ProcessOwner, parseMark } from './process-mark.ts';
import type { ProcessTable } from './process-table.ts';

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
  await Promise.all(
    [...marks].map((mark) => endKillSet(new KillSet({ mark }, table), { clock, termMs, hurry })),
  );
  return [...marks];
}

function isAlive(owner: ProcessOwner, table: ProcessTable): boolean {
  return table.started(owner.pid) === owner.started;
}
