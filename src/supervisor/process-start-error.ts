/** What a failed spawn means, in words that name the remedy. */
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { BerthError } from '../errors.ts';
import type { Launch } from './launch.ts';

/** Turns the error of `child_process.spawn` into `start-failed`, phase `spawn`. */
export function toSpawnError(launch: Launch, cause: unknown): BerthError {
  const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
  const message = `cannot start ${basename(launch.file)}: ${code}`;
  return new BerthError('start-failed', message, { phase: 'spawn', hint: hintFor(code, launch), cause });
}

function hintFor(code: string, launch: Launch): string {
  return code === 'ENOENT' ? missingHint(launch) : systemHint(code, launch.file);
}

/** What to do about an error of the system other than `ENOENT`. */
export function systemHint(code: string, file: string): string {
  switch (code) {
    case 'EACCES':
    case 'ENOEXEC':
      return `Make ${file} an executable program (mode +x, on a file system that allows it).`;
    case 'EMFILE':
    case 'ENFILE':
      return 'Too many open files: raise the limit (ulimit -n), or end sessions that are no longer used.';
    case 'EAGAIN':
    case 'ENOMEM':
      return 'No room for another process: raise the process limit (ulimit -u) or memory, or end sessions.';
    case 'E2BIG':
      return 'Arguments and environment together are too long: shorten them.';
    default:
      return 'Check program, arguments, environment and working folder of this server.';
  }
}

function missingHint(launch: Launch): string {
  if (!existsSync(launch.cwd)) return `The working folder ${launch.cwd} does not exist.`;
  if (!existsSync(launch.file))
    return `The program ${launch.file} does not exist: install it, or correct its path.`;
  return `The interpreter that the first line of ${launch.file} names does not exist.`;
}
