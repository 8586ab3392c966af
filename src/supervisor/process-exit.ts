/** Words for how a process ended. */
import type { ProcessExit } from './server-process.ts';

/** `exit code 1` or `killed by SIGSEGV`. */
export function exitText(exit: ProcessExit): string {
  if (exit.signal !== null) return `killed by ${exit.signal}`;
  return exit.code === null ? 'ended' : `exit code ${exit.code}`;
}

/** Milliseconds as seconds with one decimal: `2.4 s`. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
