/** What a call is told when its process fails it. */
import { BerthError } from '../errors.ts';
import { exitDetails } from '../supervisor/process-exit.ts';
import { outOfMemoryText } from '../supervisor/resource-limits.ts';
import type { ProcessExit, ServerProcess } from '../supervisor/server-process.ts';

const STDERR_LINES = 10;

/** Why a process that ended by itself is a failure, with what it said last. */
export function exitFailure(exit: ProcessExit | undefined, process: ServerProcess): BerthError {
  const stderr = process.stderrTail(STDERR_LINES);
  if (!exit)
    return new BerthError('process-exited', 'the server process closed its output', { phase: 'run', stderr });
  const { code, signal, outOfMemory } = exit;
  const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
  const why = outOfMemory ? `, ${outOfMemoryText(outOfMemory)}` : '';
  return new BerthError('process-exited', `the server process ended (${how}${why})`, {
    phase: 'run',
    ...exitDetails(exit),
    stderr,
  });
}

/** Only answers to `initialize` are read at all; whatever else is wrong with one is the server's fault. */
export function unreadable(cause: unknown): BerthError {
  return new BerthError('start-failed', 'the answer to initialize cannot be read', {
    phase: 'handshake',
    cause,
  });
}

/** Of a call whose answer was thrown away. */
export function answerTooLarge(bytes: number): BerthError {
  return new BerthError('message-too-large', `the server answered with ${bytes} bytes, more than its limit`);
}

/** Of an SSE or WebSocket session whose reader has not come back. */
export function clientGone(): BerthError {
  return new BerthError('unknown-session', 'the client is gone');
}
