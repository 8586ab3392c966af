/** The processes of this machine, as far as ending the right ones needs them. */
import { readdirSync, readFileSync } from 'node:fs';
import { markIn } from './process-mark.ts';
import { createPsTable } from './process-table-ps.ts';

export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** Start time, opaque: with the pid it names one process for good (until the machine boots again). */
  readonly started: string;
  /** Our mark, where the process carries one and we may read it. */
  readonly mark: string | undefined;
}

export interface ProcessTable {
  /** Every living process that can be seen; zombies are left out. Parallel calls share one reading. */
  scan(): Promise<readonly ProcessEntry[]>;
  /** Start time of one living process; undefined when it is gone or a zombie. */
  started(pid: number): string | undefined;
}

/** Fields of `/proc/<pid>/stat` after the command name, which may hold spaces and brackets itself. */
export function statFields(stat: string): readonly string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

const SLICE = 100;
const MARKS_KEPT = 20_000;

/** Reads `/proc` where there is one, asks `ps` elsewhere (where no marks can be seen). */
export function createProcessTable(): ProcessTable {
  return readProc('self/stat') === undefined ? createPsTable() : createProcTable();
}

function createProcTable(): ProcessTable {
  const marks = new Map<string, string>();
  let tail: Promise<unknown> = Promise.resolve();
  let queued: Promise<readonly ProcessEntry[]> | undefined;
  return {
    started: (pid) => livingStat(pid)?.[19],
    scan() {
      if (queued) return queued;
      const next = tail.then(() => {
        queued = undefined;
        return readAll(marks);
      });
      queued = next;
      tail = next.catch(() => undefined);
      return next;
    },
  };
}

async function readAll(marks: Map<string, string>): Promise<readonly ProcessEntry[]> {
  if (marks.size > MARKS_KEPT) marks.clear();
  const entries: ProcessEntry[] = [];
  let read = 0;
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    // A gateway may have thousands of processes: sessions must not wait for a whole reading.
    if (++read % SLICE === 0) await new Promise((resolve) => setImmediate(resolve));
    const entry = readEntry(pid, marks);
    if (entry) entries.push(entry);
  }
  return entries;
}

function readEntry(pid: number, marks: Map<string, string>): ProcessEntry | undefined {
  const fields = livingStat(pid);
  const started = fields?.[19];
  if (!fields || started === undefined) return undefined;
  const identity = `${pid}:${started}`;
  // A mark once seen counts for good: a process that cleared its environment later is still ours.
  const mark = marks.get(identity) ?? markIn(readProc(`${pid}/environ`));
  if (mark !== undefined) marks.set(identity, mark);
  return {
    pid,
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    started,
    mark,
  };
}

function livingStat(pid: number): readonly string[] | undefined {
  const stat = readProc(`${pid}/stat`);
  if (stat === undefined) return undefined;
  const fields = statFields(stat.toString('latin1'));
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields;
}

function readProc(path: string): Buffer | undefined {
  try {
    return readFileSync(`/proc/${path}`);
  } catch {
    return undefined;
  }
}
