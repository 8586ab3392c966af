/** What a limit is called in the two versions of control groups, and how the kernel tells that memory ran out. */
import type { ResourceLimits } from '../resource-limits.ts';

export type Controller = 'memory' | 'cpu' | 'pids';

/** One file of a group and what is written to it. */
export interface GroupSetting {
  readonly controller: Controller;
  readonly file: string;
  readonly value: string;
  /** Not there in every kernel: a limit holds without it. */
  readonly optional?: true;
}

export interface GroupLayout {
  readonly version: 1 | 2;
  settings(limits: ResourceLimits): readonly GroupSetting[];
  /** File of the memory controller that counts the processes that were ended for want of memory. */
  readonly killsFile: string;
}

/**
 * Processes and threads of one server process, so that none can take every process number of the machine. Node has eleven threads, a
 * browser some three hundred.
 */
export const MOST_TASKS = 1_024;
/** Microseconds over which processor time is shared out, as everywhere in Kubernetes. */
const PERIOD_US = 100_000;
const US_PER_MILLI = PERIOD_US / 1_000;

const UNIFIED: GroupLayout = {
  version: 2,
  settings: ({ memoryBytes, cpuMillis }) => [
    ...(memoryBytes === undefined ? [] : unifiedMemory(memoryBytes)),
    ...(cpuMillis === undefined
      ? []
      : [
          {
            controller: 'cpu' as const,
            file: 'cpu.max',
            value: `${cpuMillis * US_PER_MILLI} ${PERIOD_US}`,
          },
        ]),
    { controller: 'pids', file: 'pids.max', value: `${MOST_TASKS}`, optional: true },
  ],
  killsFile: 'memory.events',
};

function unifiedMemory(bytes: number): GroupSetting[] {
  return [
    { controller: 'memory', file: 'memory.max', value: `${bytes}` },
    // With swap a server beyond its limit would make the whole machine slow instead of ending.
    { controller: 'memory', file: 'memory.swap.max', value: '0', optional: true },
    // A server that has lost one of its processes is in no state that anybody has tested: all of them end, as in a pod.
    { controller: 'memory', file: 'memory.oom.group', value: '1', optional: true },
  ];
}

const PER_CONTROLLER: GroupLayout = {
  version: 1,
  settings: ({ memoryBytes, cpuMillis }) => [
    ...(memoryBytes === undefined
      ? []
      : [
          { controller: 'memory' as const, file: 'memory.limit_in_bytes', value: `${memoryBytes}` },
          // Memory and swap together; the kernel wants it second, as it may not be the smaller one.
          {
            controller: 'memory' as const,
            file: 'memory.memsw.limit_in_bytes',
            value: `${memoryBytes}`,
            optional: true as const,
          },
        ]),
    ...(cpuMillis === undefined
      ? []
      : [
          { controller: 'cpu' as const, file: 'cpu.cfs_period_us', value: `${PERIOD_US}` },
          { controller: 'cpu' as const, file: 'cpu.cfs_quota_us', value: `${cpuMillis * US_PER_MILLI}` },
        ]),
    { controller: 'pids', file: 'pids.max', value: `${MOST_TASKS}`, optional: true },
  ],
  killsFile: 'memory.oom_control',
};

export const LAYOUTS: Readonly<Record<1 | 2, GroupLayout>> = { 1: PER_CONTROLLER, 2: UNIFIED };

/** The count in the text of {@link GroupLayout.killsFile}. */
export function killsIn(text: string): number {
  return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
}
