/**
 * The mark: an environment variable by which a process, and whatever it leaves behind, is known as ours.
 *
 * Its value is `<data folder id>:<gateway pid>:<gateway start time>:<nonce>`; the nonce names one server process.
 */
import { randomBytes } from 'node:crypto';

export const MARK_VARIABLE = 'BERTH_PROCESS';
const PREFIX = Buffer.from(`${MARK_VARIABLE}=`);
const NUL = Buffer.from([0]);

/** The gateway (or supervisor) that a marked process belongs to. */
export interface ProcessOwner {
  /** Id of the data folder. */
  readonly folder: string;
  readonly pid: number;
  /** Start time of that pid, as the process table gives it. */
  readonly started: string;
}

/** A new mark, different for every process. */
export function createMark(owner: ProcessOwner): string {
  return `${owner.folder}:${owner.pid}:${owner.started}:${randomBytes(8).toString('hex')}`;
}

/** Who a mark belongs to; undefined for what is no mark of ours. */
export function parseMark(mark: string): ProcessOwner | undefined {
  const [folder, pid, started, nonce, ...rest] = mark.split(':');
  if (!folder || !pid || !started || !nonce || rest.length > 0 || !/^\d+$/.test(pid)) return undefined;
  return { folder, pid: Number(pid), started };
}

/** Finds the mark in the bytes of `/proc/<pid>/environ`. */
export function markIn(environ: Buffer | undefined): string | undefined {
  if (!environ) return undefined;
  for (let at = environ.indexOf(PREFIX); at >= 0; at = environ.indexOf(PREFIX, at + 1)) {
    if (at > 0 && environ[at - 1] !== 0) continue;
    const end = environ.indexOf(NUL, at);
    return environ.toString('latin1', at + PREFIX.length, end < 0 ? environ.length : end);
  }
  return undefined;
}
