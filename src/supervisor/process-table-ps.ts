/** The process table where there is no `/proc` (macOS): what `ps` tells, without marks. */
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import type { ProcessEntry, ProcessTable } from './process-table.ts';

const run = promisify(execFile);
const COLUMNS = 'pid=,ppid=,pgid=,stat=,lstart=';
const MAX_OUTPUT = 16 * 1024 * 1024;
const LINE = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\S.*?)\s*$/;

/** Builds a table over `ps`, whose start times are exact to one second. */
export function createPsTable(): ProcessTable {
  return {
    async scan() {
      const { stdout } = await run('ps', ['-A', '-o', COLUMNS], { maxBuffer: MAX_OUTPUT });
      return stdout.split('\n').flatMap((line) => parsePsLine(line) ?? []);
    },
    started(pid) {
      try {
        const line = execFileSync('ps', ['-p', String(pid), '-o', COLUMNS], { encoding: 'utf8' });
        return parsePsLine(line.trim())?.started;
      } catch {
        return undefined;
      }
    },
  };
}

/** One line of `ps -o pid=,ppid=,pgid=,stat=,lstart=`; undefined for a zombie or what is no such line. */
export function parsePsLine(line: string): ProcessEntry | undefined {
  const [, pid, parent, group, state, started] = LINE.exec(line) ?? [];
  if (state === undefined || started === undefined || state.startsWith('Z')) return undefined;
  const entry = { pid: Number(pid), parent: Number(parent), group: Number(group) };
  return { ...entry, session: 0, started: started.replaceAll(/[\s:]+/g, '-'), mark: undefined };
}
