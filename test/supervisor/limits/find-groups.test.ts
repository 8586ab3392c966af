/** Where groups are made, and what is said where none can be: on machines that are only described. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findGroups } from '../../../src/supervisor/limits/find-groups.ts';
import type { GroupSystem } from '../../../src/supervisor/limits/group-system.ts';

const PID = 50;
const V2 = '30 24 0:26 / /cg rw - cgroup2 cgroup2 rw';
const V1 = ['memory', 'cpu', 'pids']
  .map((name) => `31 24 0:27 / /cg/${name} rw - cgroup cgroup rw,${name}`)
  .join('\n');

interface Description {
  readonly mounts?: string;
  readonly group?: string;
  /** Of version 2, by its path. */
  readonly groups?: Readonly<
    Record<string, { offered?: string; handed?: string; members?: string; root?: true }>
  >;
  /** Parents by process id. */
  readonly parents?: Readonly<Record<number, number>>;
  readonly system?: Partial<GroupSystem>;
}

function machine({
  mounts = V2,
  group = '/own',
  groups = {},
  parents = {},
  system,
}: Description): GroupSystem {
  const files: Record<string, string> = {
    [`/proc/${PID}/mountinfo`]: mounts,
    [`/proc/${PID}/cgroup`]:
      mounts === V2 ? `0::${group}\n` : `4:memory:${group}\n3:cpu:${group}\n2:pids:/\n0::/\n`,
  };
  for (const [
    path,
    { offered = 'cpu memory pids', handed = '', members = `${PID}\n`, root },
  ] of Object.entries(groups)) {
    const folder = join('/cg', path);
    files[join(folder, 'cgroup.controllers')] = offered;
    files[join(folder, 'cgroup.subtree_control')] = handed;
    files[join(folder, 'cgroup.procs')] = members;
    if (!root) files[join(folder, 'cgroup.type')] = 'domain\n';
  }
  for (const [pid, parent] of Object.entries({ [PID]: 40, 40: 1, ...parents }))
    files[`/proc/${pid}/stat`] = `${pid} (a (name)) S ${parent} 1 1`;
  return {
    platform: 'linux',
    isRoot: false,
    hasSystemd: false,
    read: (path) => files[path],
    isWritable: () => true,
    isDelegated: async () => false,
    ...system,
  };
}

const look = (description: Description) => findGroups(PID, machine(description));
const reasons = async (description: Description) => {
  const { lack, place } = await look(description);
  return { memory: lack('memory')?.reason, cpu: lack('cpu')?.reason, place };
};

describe('version 2', () => {
  const folders = { memory: '/cg/own', cpu: '/cg/own', pids: '/cg/own' };

  it('is divided below the group of the gateway, when only its own processes are in it', async () => {
    const groups = { '/own': { members: `${PID}\n40\n60\n` } };
    expect(await reasons({ groups, parents: { 60: PID } })).toEqual({
      place: { version: 2, folders, missing: ['memory', 'cpu', 'pids'] },
    });
  });

  it('stays divided for a gateway that is started again in it', async () => {
    const groups = { '/own': { handed: 'memory cpu pids', members: '' } };
    expect((await look({ group: '/own/berth-gateway', groups })).place).toEqual({
      ...{ version: 2, folders, missing: [] },
    });
  });

  it('is left alone where other programs are in the same group', async () => {
    const groups = { '/own': { members: `${PID}\n70\n` } };
    const { memory, cpu, place } = await reasons({ groups, parents: { 70: 1 } });
    expect([memory, cpu]).toEqual(
      Array(2).fill('other programs (pid 70) share the control group of the gateway'),
    );
    expect(place).toBeUndefined();
  });

  it('is used in the root of a machine only as far as that hands controllers down already', async () => {
    const groups = { '/': { handed: 'memory', members: '1\n70\n', root: true as const } };
    const found = await reasons({ group: '/', groups });
    expect(found).toEqual({
      cpu: expect.stringContaining('root of all control groups'),
      place: { version: 2, folders: { memory: '/cg' }, missing: [] },
    });
  });

  it('without a controller says which one is missing', async () => {
    const groups = { '/own': { offered: 'memory pids' } };
    expect(await reasons({ groups })).toMatchObject({
      memory: undefined,
      cpu: 'the control group of the gateway has no cpu controller',
      place: { missing: ['memory', 'pids'] },
    });
  });

  it('that may not be written to says so', async () => {
    const groups = { '/own': {} };
    const isWritable = (path: string) => path !== '/cg/own';
    const { lack } = await look({ groups, system: { isWritable } });
    expect(lack('memory')).toEqual({
      reason: 'the gateway may not write to its control group /cg/own',
      fix: expect.stringContaining('in a container that is a writable /sys/fs/cgroup'),
    });
  });

  it('that is not in sight says so', async () => {
    const mounts = V2.replace(' / ', ' /elsewhere ');
    const { lack } = await findGroups(PID, {
      ...machine({}),
      read: (path) =>
        path.endsWith('mountinfo') ? mounts : path.endsWith('cgroup') ? '0::/own\n' : undefined,
    });
    expect(lack('cpu')?.reason).toContain('not among those that it can see');
  });
});

describe('under systemd', () => {
  const user = '/user.slice/user-7.slice/user@7.service/app.slice/run-1.scope';
  const asked: string[] = [];
  const described = (group: string, delegated: boolean, isRoot = false): Description => ({
    group,
    groups: { [group]: {} },
    system: {
      ...{ hasSystemd: true, isRoot },
      isDelegated: async (unit, of) => {
        asked.push(`${of} ${unit}`);
        return delegated;
      },
    },
  });

  it('a unit is used when it was delegated', async () => {
    expect((await look(described(user, true))).place?.folders.memory).toBe(`/cg${user}`);
    expect((await look(described('/system.slice/berth.service', true, true))).place).toBeDefined();
    expect(asked).toEqual(['user run-1.scope', 'system berth.service']);
  });

  it.each([
    [user, false, '--user --scope -p Delegate=yes'],
    ['/system.slice/berth.service', true, 'systemd-run --scope -p Delegate=yes'],
  ])('%s is left alone when it was not, and the fix is named', async (group, isRoot, fix) => {
    const { lack, place } = await look(described(group, false, isRoot));
    expect(place).toBeUndefined();
    expect(lack('memory')).toEqual({
      reason: expect.stringMatching(/is systemd's, which has not delegated it$/),
      fix: expect.stringContaining(fix),
    });
  });
});

describe('version 1', () => {
  it('is used where the gateway may write, each controller in its own place', async () => {
    expect(await reasons({ mounts: V1, group: '/a' })).toEqual({
      place: {
        ...{ version: 1, missing: [] },
        folders: { memory: '/cg/memory/a', cpu: '/cg/cpu/a', pids: '/cg/pids' },
      },
    });
  });

  it('is used for the controllers that can be had', async () => {
    const isWritable = (path: string) => !path.startsWith('/cg/cpu');
    expect(await reasons({ mounts: V1, group: '/a', system: { isWritable } })).toEqual({
      cpu: 'the gateway may not write to its control group /cg/cpu/a',
      place: { version: 1, missing: [], folders: { memory: '/cg/memory/a', pids: '/cg/pids' } },
    });
  });

  it('is mostly of root, and the fix says so', async () => {
    const { lack, place } = await look({ mounts: V1, system: { isWritable: () => false } });
    expect(place).toBeUndefined();
    expect(lack('memory')?.fix).toBe('Run the gateway as root, or boot with cgroup v2.');
  });
});

describe('without control groups', () => {
  it.each([
    ['another system', { system: { platform: 'darwin' } }, 'only Linux'],
    [
      'no mount',
      { mounts: '24 1 8:1 / / rw - ext4 /dev/sda1 rw' },
      'no control groups (cgroups) are mounted',
    ],
    ['no /proc', { system: { read: () => undefined } }, 'no /proc'],
  ] as [string, Description, string][])('%s is told', async (_what, description, reason) => {
    const { memory, cpu, place } = await reasons(description);
    expect([memory, cpu]).toEqual(Array(2).fill(expect.stringContaining(reason)));
    expect(place).toBeUndefined();
  });
});
