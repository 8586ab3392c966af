/** Gives server processes less than the whole machine, where this machine can. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BerthError } from '../../errors.ts';
import type { ProcessOwner } from '../process-mark.ts';
import type { ProcessTable } from '../process-table.ts';
import type { FindLack, ResourceLimits } from '../resource-limits.ts';
import { findGroups, GATEWAY_GROUP, type GroupPlace, type GroupSearch, obstacleTo } from './find-groups.ts';
import { type Cell, endGroup, membersOf, openCell } from './group-cell.ts';
import { type GroupSystem, thisMachine } from './group-system.ts';

export interface Limiter {
  readonly lack: FindLack;
  /** A place for one process. Throws `start-failed` (phase `spawn`) where it cannot be had. */
  open(limits: ResourceLimits): Cell;
  /** Ends and removes what killed gateways of this data folder have left; resolves with the number of groups. */
  sweep(): Promise<number>;
}

export interface LimiterOptions {
  /** Names the groups of this gateway. */
  readonly owner: ProcessOwner;
  readonly table: Pick<ProcessTable, 'started'>;
  /** File that keeps where groups were made, for the sweep of a gateway that is started elsewhere. */
  readonly record: string;
  readonly system?: GroupSystem;
}

const MOST_ROUNDS = 10;

/** Looks at the machine, and changes nothing on it before the first process with a limit is started. */
export async function createLimiter(options: LimiterOptions): Promise<Limiter> {
  const { system = thisMachine } = options;
  return new GroupLimiter(options, system, await findGroups(process.pid, system));
}

class GroupLimiter implements Limiter {
  readonly lack: FindLack;
  readonly #options: LimiterOptions;
  readonly #system: GroupSystem;
  readonly #place: GroupPlace | undefined;
  #isPrepared = false;

  constructor(options: LimiterOptions, system: GroupSystem, { lack, place }: GroupSearch) {
    this.lack = lack;
    this.#options = options;
    this.#system = system;
    this.#place = place;
  }

  open(limits: ResourceLimits): Cell {
    const place = this.#placeFor(limits);
    this.#prepare(place);
    const { folder, pid, started } = this.#options.owner;
    return openCell(place, `${prefixOf(folder)}${pid}-${started}-${randomBytes(8).toString('hex')}`, limits);
  }

  async sweep(): Promise<number> {
    const known = [...recorded(this.#options.record), ...foldersOf(this.#place)];
    const left = [...new Set(known)].flatMap((folder) =>
      namesIn(folder)
        .filter((name) => this.#isLeftOver(name))
        .map((name) => join(folder, name)),
    );
    await Promise.all(left.map(endGroup));
    rmSync(this.#options.record, { force: true });
    return left.length;
  }

  /** Limits that a record asks for may have been possible when it was made. */
  #placeFor({ memoryBytes, cpuMillis }: ResourceLimits): GroupPlace {
    const lack =
      (memoryBytes === undefined ? undefined : this.lack('memory')) ??
      (cpuMillis === undefined ? undefined : this.lack('cpu'));
    if (!lack && this.#place) return this.#place;
    const { reason, fix } = lack ?? { reason: 'nothing was asked for', fix: 'Leave the limits out.' };
    throw refusal(reason, fix);
  }

  #prepare(place: GroupPlace): void {
    if (this.#isPrepared) return;
    writeFileSync(this.#options.record, JSON.stringify(foldersOf(place)), { mode: 0o600 });
    const [folder] = foldersOf(place);
    if (folder !== undefined && place.missing.length > 0) this.#handDown(folder, place.missing);
    this.#isPrepared = true;
  }

  /** A group of version 2 may hand controllers down only while no process is in it: they move below it, ourselves included. */
  #handDown(folder: string, missing: GroupPlace['missing']): void {
    const obstacle = obstacleTo({ pid: process.pid, system: this.#system, folder });
    if (obstacle !== undefined)
      throw refusal(obstacle, 'End those programs, or start the gateway in a control group of its own.');
    const below = join(folder, GATEWAY_GROUP);
    try {
      mkdirSync(below, { recursive: true });
      for (let round = 0; round < MOST_ROUNDS; round++) {
        const members = membersOf(folder);
        if (members.length === 0) break;
        for (const pid of members) moveTo(below, pid);
      }
      writeFileSync(join(folder, 'cgroup.subtree_control'), missing.map((one) => `+${one}`).join(' '));
    } catch (cause) {
      const { code = 'unknown error' } = cause as NodeJS.ErrnoException;
      throw refusal(`its control group cannot be divided (${code})`, 'See: berth doctor.', cause);
    }
  }

  /** The owner's process id and start time stand in the name, as in a mark. */
  #isLeftOver(name: string): boolean {
    const { owner, table } = this.#options;
    const prefix = prefixOf(owner.folder);
    if (!name.startsWith(prefix)) return false;
    const [pid, started] = name.slice(prefix.length).split('-');
    return table.started(Number(pid)) !== started;
  }
}

/** Of the groups of one data folder, whoever's gateway made them. */
function prefixOf(folder: string): string {
  return `berth-${folder}-`;
}

function refusal(reason: string, fix: string, cause?: unknown): BerthError {
  return new BerthError('start-failed', `this machine cannot limit the process: ${reason}`, {
    phase: 'spawn',
    hint: fix,
    cause,
  });
}

function foldersOf(place: GroupPlace | undefined): string[] {
  return [...new Set(Object.values(place?.folders ?? {}))];
}

function moveTo(group: string, pid: number): void {
  try {
    writeFileSync(join(group, 'cgroup.procs'), `${pid}`);
  } catch (error) {
    // It has ended since it was read.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** What was written down in another life of the machine may not be there, or not be a list. */
function recorded(file: string): string[] {
  try {
    const list = JSON.parse(readFileSync(file, 'utf8')) as unknown;
    return Array.isArray(list) ? list.filter((one): one is string => typeof one === 'string') : [];
  } catch {
    return [];
  }
}

/** Names of groups below a group; none below what is no group. */
function namesIn(folder: string): string[] {
  try {
    const names = readdirSync(folder);
    return names.includes('cgroup.procs') ? names : [];
  } catch {
    return [];
  }
}
