/** Control groups of this machine, for tests that need real ones. */
import { readFileSync } from 'node:fs';
import type { Controller } from '../../src/supervisor/limits/cgroup-files.ts';
import {
  folderOf,
  mountOf,
  parseMemberships,
  parseMounts,
  unifiedMount,
} from '../../src/supervisor/limits/cgroup-mounts.ts';

/** The folder of the group that a process is in. */
export function groupOf(pid: number, controller: Controller): string {
  const mounts = parseMounts(readFileSync(`/proc/${pid}/mountinfo`, 'utf8'));
  const groups = parseMemberships(readFileSync(`/proc/${pid}/cgroup`, 'utf8'));
  const mount = mountOf(mounts, controller) ?? unifiedMount(mounts);
  const folder = mount && folderOf(mount, groups.get(mount.controllers ? controller : '') ?? '/');
  if (folder === undefined) throw new Error(`${pid} is in no group of ${controller}`);
  return folder;
}
