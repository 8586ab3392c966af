/** Words for how a process ended. */
import type { ErrorDetails } from '../errors.ts';
import { outOfMemoryHint, outOfMemoryText } from './resource-limits.ts';
import type { ProcessExit } from './server-process.ts';

const KILLED =
  'It was killed from outside: a forced stop does that, and the system when memory runs out. Then raise resources.limits.memory of the server.';

/** `exit code 1`, `killed by SIGSEGV`, or `killed by SIGKILL (out of memory: it may have 64Mi)`. */
export function exitText({ code, signal, outOfMemory }: ProcessExit): string {
  const how = signal === null ? (code === null ? 'ended' : `exit code ${code}`) : `killed by ${signal}`;
  return outOfMemory ? `${how} (${outOfMemoryText(outOfMemory)})` : how;
}

/** How it ended, for a failure that tells of it. */
export function exitDetails({ code, signal, outOfMemory }: ProcessExit): ErrorDetails {
  return {
    exitCode: code,
    signal,
    ...(outOfMemory
      ? { reason: 'OutOfMemory', hint: outOfMemoryHint(outOfMemory) }
      : signal === 'SIGKILL' && { hint: KILLED }),
  };
}

/** Milliseconds as seconds with one decimal: `2.4 s`. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
