/** Ends the gateway of a data folder, whoever started it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../clock.ts';
import { BerthError } from '../errors.ts';
import { lockDataFolder } from '../supervisor/data-folder.ts';
import { bootId, findHolder, isAlive, type ProcessIdentity } from '../supervisor/folder-holder.ts';
import type { ProcessTable } from '../supervisor/process-table.ts';
import { sweepOrphans } from '../supervisor/sweep.ts';

export interface EndInput {
  readonly dataDir: string;
  readonly table: ProcessTable;
  /** Milliseconds from SIGTERM to SIGKILL; 0 to kill at once. */
  readonly graceMs: number;
}

export interface Ended {
  /** `stale`: it was dead already and had left its lock. */
  readonly state: 'none' | 'stale' | 'ended' | 'killed';
  readonly pid?: number;
}

/** Milliseconds between looks. */
const LOOK_EVERY = 50;
/** Milliseconds after SIGKILL in which the kernel has ended every process that can end. */
const KILL_TIME = 10_000;

/**
 * SIGTERM, then SIGKILL; a gateway that was killed leaves processes behind, and they are ended, too. Rejects with `forbidden` when
 * it belongs to another user, with `internal` when it does not even end by SIGKILL.
 */
export async function endGateway({ dataDir, table, graceMs }: EndInput): Promise<Ended> {
  const holder = await findHolder(dataDir, table);
  if (holder.state === 'none') return { state: 'none' };
  if (holder.state === 'stale') {
    await clearAway(dataDir, table);
    return { state: 'stale', pid: holder.pid };
  }
  const { identity } = holder;
  const { pid } = identity;
  if (graceMs > 0) {
    send(pid, 'SIGTERM');
    if (await hasEnded(identity, table, graceMs)) {
      const after = await findHolder(dataDir, table);
      // It was still starting, or its own time ran out.
      if (after.state === 'stale') await clearAway(dataDir, table);
      return { state: 'ended', pid };
    }
  }
  send(pid, 'SIGKILL');
  if (!(await hasEnded(identity, table, KILL_TIME)))
    throw new BerthError('internal', `the gateway (pid ${pid}) does not end`, {
      hint: 'Its process is stuck in the kernel: see what its disk or its network does.',
    });
  await clearAway(dataDir, table);
  return { state: 'killed', pid };
}

async function hasEnded(identity: ProcessIdentity, table: ProcessTable, ms: number): Promise<boolean> {
  const boot = await bootId();
  for (const until = performance.now() + ms; performance.now() < until; await sleep(LOOK_EVERY))
    if (!isAlive(identity, boot, table)) return true;
  return !isAlive(identity, boot, table);
}

/** What a dead gateway left: its processes and its lock. */
async function clearAway(dataDir: string, table: ProcessTable): Promise<void> {
  const lock = await lockDataFolder(dataDir, table);
  try {
    await sweepOrphans(lock.owner.folder, { table, clock: systemClock });
  } finally {
    await lock.close();
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ESRCH') return;
    throw new BerthError('forbidden', `the gateway (pid ${pid}) belongs to another user`, {
      cause,
      hint: 'End it as that user.',
    });
  }
}
