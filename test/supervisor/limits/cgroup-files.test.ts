import { expect, it } from 'vitest';
import { killsIn, LAYOUTS } from '../../../src/supervisor/limits/cgroup-files.ts';

const written = (version: 1 | 2, limits: object) =>
  LAYOUTS[version].settings(limits).map(({ file, value }) => `${file} ${value}`);

it('version 2 takes a limit of memory without swap, ends a server as a whole, and shares processors out', () => {
  expect(written(2, { memoryBytes: 67_108_864, cpuMillis: 250 })).toEqual([
    'memory.max 67108864',
    'memory.swap.max 0',
    'memory.oom.group 1',
    'cpu.max 25000 100000',
    'pids.max 1024',
  ]);
});

it('version 1 takes the same in its own words, in the order that the kernel wants', () => {
  expect(written(1, { memoryBytes: 67_108_864, cpuMillis: 1_500 })).toEqual([
    'memory.limit_in_bytes 67108864',
    'memory.memsw.limit_in_bytes 67108864',
    'cpu.cfs_period_us 100000',
    'cpu.cfs_quota_us 150000',
    'pids.max 1024',
  ]);
});

it.each([1, 2] as const)('version %s leaves alone what nobody asked for', (version) => {
  expect(written(version, {})).toEqual(['pids.max 1024']);
  expect(written(version, { cpuMillis: 100 }).join()).not.toContain('memory');
});

it.each([
  ['low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 1\n', 2],
  ['oom_kill_disable 0\nunder_oom 1\noom_kill 4\n', 4],
  ['oom_kill_disable 0\nunder_oom 0\n', 0],
  ['', 0],
])('the kernel counts what it killed: %j', (text, kills) => {
  expect(killsIn(text)).toBe(kills);
});
