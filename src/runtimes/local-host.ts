/** Servers as processes of this machine: a supervisor in this program, with everything that starts and ends its processes. */
import { createHash } from 'node:crypto';
import { type Clock, systemClock } from '../clock.ts';
import { spawnProcess } from '../supervisor/process.ts';
import type { ProcessOwner } from '../supervisor/process-mark.ts';
import { createProcessRegistry } from '../supervisor/process-registry.ts';
import { createProcessTable } from '../supervisor/process-table.ts';
import type { ServerDefinition } from '../supervisor/server-definition.ts';
import type { ProcessSource } from '../supervisor/server-process.ts';
import { Supervisor } from '../supervisor/supervisor.ts';

export interface LocalHostOptions {
  readonly dataDir: string;
  readonly clock?: Clock;
}

export interface LocalHost {
  readonly supervisor: Supervisor;
  define(definition: ServerDefinition): void;
  close(options?: { readonly force: boolean }): Promise<void>;
}

export function createLocalHost(options: LocalHostOptions): LocalHost {
  const clock = options.clock ?? systemClock;
  const table = createProcessTable();
  const registry = createProcessRegistry();
  const owner: ProcessOwner = {
    folder: createHash('sha256').update(options.dataDir).digest('hex').slice(0, 16),
    pid: process.pid,
    started: table.started(process.pid) ?? '0',
  };
  const source = (definition: ServerDefinition): ProcessSource => ({
    acquire: () =>
      spawnProcess(definition.launch, {
        owner,
        table,
        clock,
        secrets: definition.secrets,
        maxLineBytes: definition.limits.lineBytes,
        registry,
      }),
    close: () => Promise.resolve(),
  });
  const supervisor = new Supervisor({ source, clock });
  return {
    supervisor,
    define: (definition) => supervisor.define(definition),
    close: async (close = { force: false }) => {
      await supervisor.close(close);
      await registry.endAll(close);
    },
  };
}
