/** What one process uses, read from `/proc`. */
import { readFile } from 'node:fs/promises';
import { statFields } from './process-table.ts';

export interface ProcessUsage {
  /** Resident memory, bytes. */
  readonly rssBytes: number;
  /** User and system time since its start, seconds. */
  readonly cpuSeconds: number;
}

/** Linux counts in hundredths of a second towards programs on every platform that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Memory and CPU of a process; undefined when it is gone or where there is no `/proc`. */
export async function processUsage(pid: number): Promise<ProcessUsage | undefined> {
  try {
    const [stat, status] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'latin1'),
      readFile(`/proc/${pid}/status`, 'latin1'),
    ]);
    const fields = statFields(stat);
    const ticks = Number(fields[11]) + Number(fields[12]);
    const kilobytes = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
    return { rssBytes: kilobytes * 1024, cpuSeconds: ticks / TICKS_PER_SECOND };
  } catch {
    return undefined;
  }
}
