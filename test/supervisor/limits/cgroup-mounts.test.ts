import { describe, expect, it } from 'vitest';
import {
  folderOf,
  mountOf,
  parseMemberships,
  parseMounts,
  unifiedMount,
} from '../../../src/supervisor/limits/cgroup-mounts.ts';

const UNIFIED = '30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate';
const SEPARATE = `
24 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
31 24 0:27 / /sys/fs/cgroup/memory rw,relatime shared:9 master:2 - cgroup cgroup rw,memory
32 24 0:28 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
33 24 0:29 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup rw`;

describe('mounts', () => {
  it('of version 2 have every controller', () => {
    expect(parseMounts(UNIFIED)).toEqual([{ root: '/', point: '/sys/fs/cgroup' }]);
    expect(mountOf(parseMounts(UNIFIED), 'memory')).toBeUndefined();
  });

  it('of version 1 have those that their options name, alone or together', () => {
    const mounts = parseMounts(SEPARATE);
    expect(mountOf(mounts, 'memory')?.point).toBe('/sys/fs/cgroup/memory');
    expect(mountOf(mounts, 'cpu')?.point).toBe('/sys/fs/cgroup/cpu,cpuacct');
    expect(mountOf(mounts, 'pids')).toBeUndefined();
    expect(unifiedMount(mounts)?.point).toBe('/sys/fs/cgroup/unified');
  });

  it('may have blanks in their paths', () => {
    const [mount] = parseMounts('1 2 0:26 /a\\040b /mnt/x\\040y rw - cgroup2 none rw');
    expect(mount).toEqual({ root: '/a b', point: '/mnt/x y' });
  });
});

it('the groups of a process are known by controller', () => {
  const groups = parseMemberships('4:memory:/a/b\n3:cpu,cpuacct:/c\n1:name=systemd:/d\n0::/user.slice/x:y\n');
  expect(['memory', 'cpu', 'cpuacct', 'pids', ''].map((name) => groups.get(name))).toEqual([
    '/a/b',
    '/c',
    '/c',
    undefined,
    '/user.slice/x:y',
  ]);
});

describe('the folder of a group', () => {
  it.each([
    ['/', '/user.slice/a', '/cg/user.slice/a'],
    ['/', '/', '/cg'],
    // A container without a namespace for groups sees its own one where the root would be.
    ['/docker/1', '/docker/1', '/cg'],
    ['/docker/1', '/docker/1/below', '/cg/below'],
    ['/docker/1', '/docker/12', undefined],
    ['/docker/1', '/system.slice', undefined],
    // A process that was moved above the root of its namespace.
    ['/', '/../outside', undefined],
  ])('root %s, group %s', (root, group, folder) => {
    expect(folderOf({ root, point: '/cg' }, group)).toBe(folder);
  });
});
