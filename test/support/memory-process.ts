/** A server process without an operating system: its server's end and its exit are in the test's hands. */
import { createMemoryChannel, type MemoryServerEnd } from '../../src/channels/memory.ts';
import type { LocalProcess } from '../../src/supervisor/process.ts';
import type { ProcessExit } from '../../src/supervisor/server-process.ts';

export interface MemoryProcess extends LocalProcess {
  readonly server: MemoryServerEnd;
  /** The process ends by itself. */
  crash(exit?: ProcessExit): void;
}

export interface MemoryProcessOptions {
  readonly pid?: number;
  readonly startedAt?: number;
  readonly stderr?: readonly string[];
}

export function memoryProcess({
  pid = 4_000_000,
  startedAt = 0,
  stderr = [],
}: MemoryProcessOptions = {}): MemoryProcess {
  const { channel, server } = createMemoryChannel();
  const exited = Promise.withResolvers<ProcessExit>();
  let exit: ProcessExit | undefined;
  let stopping = false;
  const end = (how: ProcessExit): ProcessExit => {
    exit ??= how;
    exited.resolve(exit);
    server.end();
    return exit;
  };
  return {
    pid,
    channel,
    server,
    startedAt,
    spawnMs: 1,
    get exit() {
      return exit;
    },
    get stopping() {
      return stopping;
    },
    exited: exited.promise,
    ended: exited.promise.then(() => undefined),
    stderrTail: (lines) => stderr.slice(-lines),
    onStderr: () => () => undefined,
    scrub: (text) => text,
    async stop() {
      stopping = true;
      return end({ code: 0, signal: null });
    },
    crash: (how = { code: 1, signal: null }) => void end(how),
  };
}
