/** Where a process stands in the hierarchies of control groups, read from what the kernel says in `/proc`. */
import { resolve } from 'node:path';
import type { Controller } from './cgroup-files.ts';

export interface GroupMount {
  /** Absent for the hierarchy of version 2, which has every controller that no other one has. */
  readonly controllers?: readonly string[];
  /** Which group of the hierarchy is shown at the mount point. */
  readonly root: string;
  readonly point: string;
}

/** The lines of `/proc/<pid>/mountinfo` that are of control groups; see proc_pid_mountinfo(5). */
export function parseMounts(text: string): GroupMount[] {
  return text.split('\n').flatMap((line) => {
    const [left = '', right = ''] = line.split(' - ');
    const [, , , root = '', point = ''] = left.split(' ');
    const [type, , options = ''] = right.split(' ');
    const at = { root: unescaped(root), point: unescaped(point) };
    if (type === 'cgroup2') return [at];
    return type === 'cgroup' ? [{ ...at, controllers: options.split(',') }] : [];
  });
}

/** Blanks and the like are written as octal numbers. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_all, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}

/** The group of a process by controller, and under `''` that of version 2; from the text of `/proc/<pid>/cgroup`. */
export function parseMemberships(text: string): Map<string, string> {
  const groups = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    for (const controller of controllers.split(',')) groups.set(controller, path);
  }
  return groups;
}

/** The folder of a group; undefined when the mount does not show it. */
export function folderOf({ root, point }: GroupMount, group: string): string | undefined {
  const inside = root === '/' ? group : group === root ? '/' : groupUnder(root, group);
  // Seen from a namespace, a group above that namespace's root.
  if (inside === undefined || /^\/\.\.(\/|$)/.test(inside)) return undefined;
  return resolve(point, `.${inside}`);
}

function groupUnder(root: string, group: string): string | undefined {
  return group.startsWith(`${root}/`) ? group.slice(root.length) : undefined;
}

/** The mount of a controller in a hierarchy of its own (version 1). */
export function mountOf(mounts: readonly GroupMount[], controller: Controller): GroupMount | undefined {
  return mounts.find(({ controllers }) => controllers?.includes(controller));
}

/** The mount of version 2. */
export function unifiedMount(mounts: readonly GroupMount[]): GroupMount | undefined {
  return mounts.find(({ controllers }) => controllers === undefined);
}
