/** The most memory that a process and all below it have had at one time, as it was seen. */
import { readFile } from 'node:fs/promises';
import { type Clock, systemClock } from '../../clock.ts';
import type { ProcessEntry, ProcessTable } from '../../supervisor/process-table.ts';

/** Milliseconds between looks. */
const EVERY = 100;

export interface MemoryWatch {
  /** Looks a last time and stops; resolves with bytes, or undefined when nothing could be seen. Idempotent. */
  stop(): Promise<number | undefined>;
}

/**
 * Watches the process of this pid. `contained`: only what is in a process namespace of its own counts, without the first process of it, so
 * that what holds the program in is left out.
 */
export function watchMemory(
  pid: number,
  { table, contained, clock = systemClock }: { table: ProcessTable; contained: boolean; clock?: Clock },
): MemoryWatch {
  let peak = 0;
  let looking: Promise<void> = Promise.resolve();
  const look = async (): Promise<void> => {
    const seen = await Promise.all(below(pid, await table.scan()).map((one) => memoryOf(one, contained)));
    const together = seen.reduce((sum, one) => sum + (one?.now ?? 0), 0);
    peak = Math.max(peak, together, ...seen.map((one) => one?.most ?? 0));
  };
  const next = (): Promise<void> => {
    looking = looking.then(look).catch(() => undefined);
    return looking;
  };
  void next();
  const stopLooking = clock.every(EVERY, () => void next());
  return {
    async stop() {
      stopLooking();
      await next();
      return peak > 0 ? peak : undefined;
    },
  };
}

/** The process and its descendants. */
function below(pid: number, entries: readonly ProcessEntry[]): number[] {
  const children = Map.groupBy(entries, ({ parent }) => parent);
  const found = entries.some((entry) => entry.pid === pid) ? [pid] : [];
  for (const one of found) found.push(...(children.get(one) ?? []).map((entry) => entry.pid));
  return found;
}

interface Memory {
  /** Resident bytes now, and the most that there ever were. */
  readonly now: number;
  readonly most: number;
}

async function memoryOf(pid: number, contained: boolean): Promise<Memory | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => '');
  if (contained && !isContained(status)) return undefined;
  return { now: bytesOf('VmRSS', status), most: bytesOf('VmHWM', status) };
}

/** It has a pid in a namespace below ours, and is not the first process there. */
function isContained(status: string): boolean {
  const pids = /^NSpid:\s+(.+)$/m.exec(status)?.[1]?.split(/\s+/) ?? [];
  return pids.length > 1 && pids.at(-1) !== '1';
}

function bytesOf(field: string, status: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
}
