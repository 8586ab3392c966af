/** In words: why nothing can be limited, and what a person does about it. */
import type { GroupSystem } from './group-system.ts';

export const lackText = {
  platform: 'only Linux has control groups (cgroups)',
  proc: 'there is no /proc to look for control groups in',
  mount: 'no control groups (cgroups) are mounted here',
  outside: 'the control group of the gateway is not among those that it can see',
  controller: (name: string) => `the control group of the gateway has no ${name} controller`,
  readOnly: (folder: string) => `the gateway may not write to its control group ${folder}`,
  systemd: (unit: string) => `the control group ${unit} is systemd's, which has not delegated it`,
  root: 'the gateway is in the root of all control groups, which hands this controller down to none',
  strangers: (pids: readonly number[]) =>
    `other programs (pid ${pids.slice(0, 3).join(', ')}${pids.length > 3 ? ' …' : ''}) share the control group of the gateway`,
} as const;

/** How a gateway gets a control group that it may divide. */
export function fixFor({ hasSystemd, isRoot }: Pick<GroupSystem, 'hasSystemd' | 'isRoot'>): string {
  if (!hasSystemd)
    return 'Start the gateway in a control group of its own that it may write to; in a container that is a writable /sys/fs/cgroup.';
  const whose = isRoot ? '' : ' --user';
  return `Start the gateway in a control group of its own: systemd-run${whose} --scope -p Delegate=yes before its command, or as a service with Delegate=yes.`;
}
