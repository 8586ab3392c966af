/** One operating-system process of an MCP server, as the rest of the supervisor sees it. */
import type { Channel } from '../channels/channel.ts';
import type { OutOfMemory } from './resource-limits.ts';

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: string | null;
  /** Set when the system ended it, or processes that it had started, because they used too much memory. */
  readonly outOfMemory?: OutOfMemory;
}

export interface ServerProcess {
  readonly pid: number;
  readonly channel: Channel;
  /** Clock reading at spawn, milliseconds. */
  readonly startedAt: number;
  /** The newest stderr lines, oldest first, scrubbed of secrets. */
  stderrTail(lines: number): string[];
  /** Set once the process has ended. */
  readonly exit: ProcessExit | undefined;
  /** Resolves when the process itself has ended; never rejects. */
  readonly exited: Promise<ProcessExit>;
  /**
   * Ends the process and everything in its kill set: stdin EOF, grace, SIGTERM, grace, SIGKILL. `force` starts at SIGKILL.
   * Idempotent; resolves when nothing of the kill set is left.
   */
  stop(options?: { readonly force?: boolean }): Promise<ProcessExit>;
}

/** Hands out processes of one server; implemented by the pool (with warm spares) and by test doubles. */
export interface ProcessSource {
  /** A process that nobody has spoken to yet. Rejects with `BerthError('start-failed', …, {phase:'spawn'})`. */
  acquire(): Promise<ServerProcess>;
  /** Ends spares and refuses further acquires. Acquired processes are their owners' to stop. */
  close(): Promise<void>;
}
