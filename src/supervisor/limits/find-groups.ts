/**
 * Where the processes of servers can get control groups of their own, and why not where they cannot.
 *
 * There is nothing else that would do. `RLIMIT_AS` (prlimit, ulimit -v) counts address space that is only set aside: V8, Go, the JVM and
 * every program with WebAssembly set aside gigabytes that they never touch, and do not start below that. `RLIMIT_RSS` has had no
 * effect since Linux 2.4, `RLIMIT_DATA` fails as `RLIMIT_AS` does, `RLIMIT_CPU` is a length of life and no share, and each holds for
 * one process, not for those that it starts.
 */
import { basename, dirname, join } from 'node:path';
import type { FindLack, Lack, Resource } from '../resource-limits.ts';
import type { Controller } from './cgroup-files.ts';
import { folderOf, mountOf, parseMemberships, parseMounts, unifiedMount } from './cgroup-mounts.ts';
import type { GroupSystem } from './group-system.ts';
import { fixFor, lackText } from './lack-words.ts';

/** The group below its own that a gateway moves into: a group of version 2 has either processes or limited children. */
export const GATEWAY_GROUP = 'berth-gateway';
export const CONTROLLERS = ['memory', 'cpu', 'pids'] as const satisfies readonly Controller[];

/** Where groups are made. */
export interface GroupPlace {
  readonly version: 1 | 2;
  /** In version 2 the same folder for each. */
  readonly folders: Readonly<Partial<Record<Controller, string>>>;
  /** Those that the children of the folder do not have before its processes have moved to {@link GATEWAY_GROUP}. */
  readonly missing: readonly Controller[];
}

export interface GroupSearch {
  /** Absent where nothing can be limited. */
  readonly place?: GroupPlace;
  readonly lack: FindLack;
}

/** Looks where the program `pid` stands; changes nothing. */
export async function findGroups(pid: number, system: GroupSystem): Promise<GroupSearch> {
  if (system.platform !== 'linux') return nothing(lackText.platform, 'Run the gateway on Linux.');
  if (system.read(`/proc/${pid}/cgroup`) === undefined) return nothing(lackText.proc, fixFor(system));
  const mounts = parseMounts(system.read(`/proc/${pid}/mountinfo`) ?? '');
  const groups = parseMemberships(system.read(`/proc/${pid}/cgroup`) ?? '');
  if (mountOf(mounts, 'memory') || mountOf(mounts, 'cpu')) return findSeparate(system, mounts, groups);
  const unified = unifiedMount(mounts);
  if (!unified) return nothing(lackText.mount, fixFor(system));
  const own = folderOf(unified, groups.get('') ?? '/');
  if (own === undefined) return nothing(lackText.outside, fixFor(system));
  return findUnified({ pid, system, folder: basename(own) === GATEWAY_GROUP ? dirname(own) : own });
}

function nothing(reason: string, fix: string): GroupSearch {
  return { lack: () => ({ reason, fix }) };
}

/** Version 1: each controller has a hierarchy, and any group may have children. */
function findSeparate(
  system: GroupSystem,
  mounts: ReturnType<typeof parseMounts>,
  groups: ReadonlyMap<string, string>,
): GroupSearch {
  const fix = system.isRoot ? fixFor(system) : `Run the gateway as root, or boot with cgroup v2.`;
  const lacks = new Map<Controller, Lack>();
  const folders: Partial<Record<Controller, string>> = {};
  for (const controller of CONTROLLERS) {
    const mount = mountOf(mounts, controller);
    const folder = mount && folderOf(mount, groups.get(controller) ?? '/');
    if (!mount) lacks.set(controller, { reason: lackText.controller(controller), fix });
    else if (folder === undefined) lacks.set(controller, { reason: lackText.outside, fix });
    else if (!system.isWritable(folder)) lacks.set(controller, { reason: lackText.readOnly(folder), fix });
    else folders[controller] = folder;
  }
  const lack = (resource: Resource): Lack | undefined => lacks.get(resource);
  return lacks.has('memory') && lacks.has('cpu')
    ? { lack }
    : { lack, place: { version: 1, folders, missing: [] } };
}

interface UnifiedInput {
  readonly pid: number;
  readonly system: GroupSystem;
  readonly folder: string;
}

/** Version 2: one hierarchy, in which controllers are handed down from group to group. */
async function findUnified(input: UnifiedInput): Promise<GroupSearch> {
  const { system, folder } = input;
  const fix = fixFor(system);
  const file = (name: string): string => join(folder, name);
  if (![folder, file('cgroup.procs')].every((path) => system.isWritable(path)))
    return nothing(lackText.readOnly(folder), fix);
  if (!(await isOurs(system, folder))) return nothing(lackText.systemd(basename(folder)), fix);
  const offered = wordsIn(system.read(file('cgroup.controllers')));
  const handedDown = wordsIn(system.read(file('cgroup.subtree_control')));
  const missing = CONTROLLERS.filter((one) => offered.includes(one) && !handedDown.includes(one));
  const obstacle = missing.length === 0 ? undefined : obstacleTo(input);
  const usable = CONTROLLERS.filter(
    (one) => handedDown.includes(one) || (missing.includes(one) && !obstacle),
  );
  const lack = (resource: Resource): Lack | undefined => {
    if (usable.includes(resource)) return undefined;
    const reason = missing.includes(resource) ? obstacle : lackText.controller(resource);
    return { reason: reason ?? lackText.controller(resource), fix };
  };
  if (lack('memory') && lack('cpu')) return { lack };
  const folders = Object.fromEntries(usable.map((one) => [one, folder]));
  return { lack, place: { version: 2, folders, missing: obstacle === undefined ? missing : [] } };
}

/** The group of a unit is systemd's, which takes back what it has not handed over. */
async function isOurs(system: GroupSystem, folder: string): Promise<boolean> {
  const unit = basename(folder);
  if (!system.hasSystemd || !/\.(scope|service|slice)$/.test(unit)) return true;
  return await system.isDelegated(unit, /\/user@\d+\.service\//.test(folder) ? 'user' : 'system');
}

/** Why the children of the folder cannot be given more controllers; undefined when they can. */
export function obstacleTo({ pid, system, folder }: UnifiedInput): string | undefined {
  const type = system.read(join(folder, 'cgroup.type'));
  // Only the root of the whole machine has no type. What it hands down is not a gateway's to decide.
  if (type === undefined) return lackText.root;
  if (!system.isWritable(join(folder, 'cgroup.subtree_control'))) return lackText.readOnly(folder);
  const members = wordsIn(system.read(join(folder, 'cgroup.procs'))).map(Number);
  const strangers = members.filter((member) => !isKin(member, pid, system));
  return strangers.length > 0 ? lackText.strangers(strangers) : undefined;
}

/** The program itself, those that it was started by, and those that it has started. */
function isKin(member: number, pid: number, system: GroupSystem): boolean {
  return ancestorsOf(member, system).includes(pid) || ancestorsOf(pid, system).includes(member);
}

/** With itself; ends where a parent is in another process namespace. */
function ancestorsOf(pid: number, { read }: GroupSystem): number[] {
  const line: number[] = [];
  for (let at = pid; at > 0 && !line.includes(at); ) {
    line.push(at);
    const stat = read(`/proc/${at}/stat`) ?? '';
    at = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? 0);
  }
  return line;
}

function wordsIn(text = ''): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
