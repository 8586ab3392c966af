/** The control groups of one server process: made before it runs, entered by it before its program begins, gone after its end. */
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { BerthError } from '../../errors.ts';
import type { Launch } from '../launch.ts';
import type { OutOfMemory, ResourceLimits } from '../resource-limits.ts';
import { killsIn, LAYOUTS } from './cgroup-files.ts';
import type { GroupPlace } from './find-groups.ts';

/** What holds one process, and everything that it starts, to its limits. */
export interface Cell {
  /** The command that enters the cell and then becomes the program, under the same process id. */
  enter(launch: Launch): Launch;
  /** Set when the kernel has ended a process in it for want of memory. */
  readonly outOfMemory: OutOfMemory | undefined;
  /** Ends what is still in it and removes it. Idempotent; never rejects. */
  close(): Promise<void>;
}

/** Of every system that has control groups. */
const SHELL = '/bin/sh';
/**
 * A constant text: groups, program and arguments are its parameters and never read as commands. 0 is whoever writes it. It sets no
 * variable, since those would be the program's.
 */
const ENTER = `while [ "$1" != -- ]; do echo 0 >"$1" || exit 125; shift; done; shift; exec "$@"`;

const MOST_TRIES = 100;
const TRY_EVERY_MS = 20;

/** Makes the groups with their limits. Throws `start-failed` (phase `spawn`) when the kernel does not take them. */
export function openCell(place: GroupPlace, name: string, limits: ResourceLimits): Cell {
  const folders = new Map(
    Object.entries(place.folders).map(([controller, folder]) => [controller, join(folder, name)]),
  );
  const all = [...new Set(folders.values())];
  const layout = LAYOUTS[place.version];
  try {
    for (const folder of all) mkdirSync(folder);
    for (const { controller, file, value, optional } of layout.settings(limits)) {
      const folder = folders.get(controller);
      if (folder !== undefined) write(join(folder, file), value, optional ?? false);
    }
  } catch (cause) {
    for (const folder of all) remove(folder);
    throw cannotLimit(cause);
  }
  const memory = folders.get('memory');
  const killsFile = memory === undefined ? undefined : join(memory, layout.killsFile);
  return new GroupCell(all, limits, killsFile);
}

class GroupCell implements Cell {
  readonly #folders: readonly string[];
  readonly #limits: ResourceLimits;
  readonly #killsFile: string | undefined;
  #closed: Promise<void> | undefined;

  constructor(folders: readonly string[], limits: ResourceLimits, killsFile: string | undefined) {
    this.#folders = folders;
    this.#limits = limits;
    this.#killsFile = killsFile;
  }

  enter({ file, args, ...rest }: Launch): Launch {
    const members = this.#folders.map((folder) => join(folder, 'cgroup.procs'));
    return { ...rest, file: SHELL, args: ['-c', ENTER, 'berth', ...members, '--', file, ...args] };
  }

  get outOfMemory(): OutOfMemory | undefined {
    if (this.#killsFile === undefined || killsIn(readIfThere(this.#killsFile)) === 0) return undefined;
    const { memoryBytes } = this.#limits;
    return memoryBytes === undefined ? {} : { limitBytes: memoryBytes };
  }

  close(): Promise<void> {
    this.#closed ??= Promise.all(this.#folders.map(endGroup)).then(() => undefined);
    return this.#closed;
  }
}

/** Kills what is in a group until it can be removed; one that cannot is left for the sweep of the next start. */
export async function endGroup(folder: string): Promise<void> {
  for (let tries = 0; tries < MOST_TRIES && !remove(folder); tries++) {
    for (const pid of membersOf(folder)) kill(pid);
    await setTimeout(TRY_EVERY_MS);
  }
}

/** Process ids; those of other process namespaces are 0 and left out. */
export function membersOf(folder: string): number[] {
  return readIfThere(join(folder, 'cgroup.procs'))
    .split('\n')
    .map(Number)
    .filter((pid) => pid > 0);
}

/** True when it is gone. */
function remove(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

function kill(pid: number): void {
  if (pid <= 1 || pid === process.pid) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended since it was read.
  }
}

function write(file: string, value: string, optional: boolean): void {
  try {
    writeFileSync(file, value, { flag: 'r+' });
  } catch (error) {
    if (!optional || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function cannotLimit(cause: unknown): BerthError {
  const { code = 'unknown error', path = '' } = cause as NodeJS.ErrnoException;
  return new BerthError('start-failed', `the limits of the process cannot be set: ${code} ${path}`.trim(), {
    phase: 'spawn',
    hint: 'See what is in the way with: berth doctor. Limits above those of the gateway itself may be refused.',
    cause,
  });
}
