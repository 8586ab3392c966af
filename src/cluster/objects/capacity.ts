/** How much one replica takes: sessions, and processes, of which each has its share of the workload's memory. */
import { readMemory } from '../../supervisor/resource-limits.ts';
import { DEFAULT_LIMITS } from '../../supervisor/server-definition.ts';
import type { Blueprint, PodSettings } from './blueprint.ts';
import { workloadResources } from './workload-resources.ts';

export interface Capacity {
  /** Sessions at one time. */
  readonly sessions: number;
  /** Processes for clients at one time; absent where nothing is started, or all clients share what is. */
  readonly processes?: number;
}

/**
 * Memory that one process is reckoned with, bytes. Published servers have 37 to 54 MiB of their own once they are used
 * (docs/architecture.md); a workload that runs out of memory loses every session of its pod, so some is left over.
 */
export const PROCESS_MEMORY = 64 * 1_024 ** 2;
/** Processes beside those of clients: both handshakes, a health check, and those of sessions that are just ending. */
const ROOM = 4;
/** Where all clients share a process there are a few, one for each revision that they speak. */
const SHARED_PROCESSES = 64;
/** The helper takes no more. */
const MOST_PROCESSES = 1_024;

type Given = Pick<Blueprint, 'behavior' | 'program' | 'resources'>;
type Settings = Pick<PodSettings, 'resources'>;

/** `limits.sessions` where it is given; else what the memory limit carries, as far as sessions have processes of their own. */
export function capacityOf(given: Given, settings: Settings): Capacity {
  const { behavior, program } = given;
  const { isolation, limits } = behavior;
  const sessions = limits.sessions ?? DEFAULT_LIMITS.sessions;
  if (program.kind === 'sidecar' || program.kind === 'remote') return { sessions };
  const hasSessions = behavior.sessions === 'minted';
  if (isolation === 'shared' && hasSessions) return { sessions };
  const processes = limits.sessions ?? carried(given, settings);
  return { sessions: isolation === 'session' && hasSessions ? processes : sessions, processes };
}

/** What the helper is to start at most: never less than what sessions may need, which are refused first. */
export function mostProcesses(given: Given, settings: Settings): number {
  const { processes } = capacityOf(given, settings);
  if (processes === undefined) return SHARED_PROCESSES;
  return Math.min(MOST_PROCESSES, processes + sparesOf(given, settings) + ROOM);
}

/** `limits.spares`, as far as the memory limit carries them beside one process more; where `limits.sessions` is given all of them. */
export function sparesOf(given: Given, settings: Settings): number {
  const { spares = DEFAULT_LIMITS.spares, sessions } = given.behavior.limits;
  const most = sessions === undefined ? fitting(given, settings) : undefined;
  return most === undefined ? spares : Math.min(spares, most - 1);
}

/** Processes beside the spares that the memory limit has room for; without a limit nothing is known. */
function carried(given: Given, settings: Settings): number {
  const most = fitting(given, settings);
  if (most === undefined) return DEFAULT_LIMITS.sessions;
  return Math.min(DEFAULT_LIMITS.sessions, most - sparesOf(given, settings));
}

/** Processes that the memory limit has room for, one at least; undefined without a limit. */
function fitting(given: Given, settings: Settings): number | undefined {
  const { limits } = workloadResources(given.resources, settings.resources.workload);
  const memory = readMemory(limits?.memory ?? '');
  return memory === undefined ? undefined : Math.max(1, Math.floor(memory / PROCESS_MEMORY));
}
