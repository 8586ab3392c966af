import { describe, expect, it } from 'vitest';
import type { Behavior, Blueprint } from '../../src/cluster/objects/blueprint.ts';
import { capacityOf, mostProcesses } from '../../src/cluster/objects/capacity.ts';
import { supervisorJson } from '../../src/cluster/objects/supervisor-json.ts';
import { DEFAULT_LIMITS } from '../../src/supervisor/server-definition.ts';
import { blueprint, programs, settings } from '../support/blueprints.ts';

const ALL = DEFAULT_LIMITS.sessions;

/** A server with this memory limit, or without any of its own. */
function server(memory: string | undefined, behavior: Partial<Behavior> = {}, kind = 'package'): Blueprint {
  return blueprint(programs[kind]!, {
    behavior: { isolation: 'session', sessions: 'minted', limits: {}, ...behavior },
    resources: memory === undefined ? {} : { limits: { memory } },
  });
}
const capacity = (...of: Parameters<typeof server>) => capacityOf(server(...of), settings);

describe('how many sessions a replica takes', () => {
  it.each([
    ['512Mi', 8],
    ['1Gi', 16],
    ['1000M', 14],
    ['100Mi', 1],
    ['16Mi', 1],
    ['640Gi', ALL],
  ])('is what a memory limit of %s carries: %i', (memory, sessions) => {
    expect(capacity(memory)).toEqual({ sessions, processes: sessions });
  });

  it('follows the limit for all servers where it has none of its own', () => {
    expect(capacity(undefined)).toEqual({ sessions: 16, processes: 16 });
    const workload = { limits: { memory: '512Mi' } };
    const other = { resources: { ...settings.resources, workload } };
    expect(capacityOf(server(undefined), other)).toEqual({ sessions: 8, processes: 8 });
  });

  it('is as before where no limit is set on memory', () => {
    const cpuOnly = { ...server('1Gi'), resources: { limits: { cpu: '2' } } };
    expect(capacityOf(cpuOnly, settings)).toEqual({ sessions: ALL, processes: ALL });
  });

  it('leaves room for spares, once', () => {
    expect(capacity('512Mi', { limits: { spares: 3 } })).toEqual({ sessions: 5, processes: 5 });
    expect(capacity('512Mi', { limits: { spares: 30 } })).toEqual({ sessions: 1, processes: 1 });
  });

  it.each([
    ['512Mi', {}, 7],
    ['64Mi', {}, 0],
    ['512Mi', { sessions: 500 }, 30],
  ])(
    'starts no more spares than a memory limit of %s carries beside one session, with limits %j',
    (memory, limits, spares) => {
      const given = server(memory, { limits: { spares: 30, ...limits } });
      expect(JSON.parse(supervisorJson(given, settings)).servers[0].limits.spares).toBe(spares);
    },
  );

  it('is what its specification says, before anything else', () => {
    expect(capacity('64Mi', { limits: { sessions: 500, spares: 3 } })).toEqual({
      sessions: 500,
      processes: 500,
    });
  });

  it('is not held down where sessions share processes: then the processes are', () => {
    expect(capacity('512Mi', { isolation: 'principal' })).toEqual({ sessions: ALL, processes: 8 });
    expect(capacity('512Mi', { isolation: 'shared' })).toEqual({ sessions: ALL });
  });

  it('is of processes where there are no sessions', () => {
    expect(capacity('512Mi', { isolation: 'call' })).toEqual({ sessions: ALL, processes: 8 });
    for (const isolation of ['session', 'principal', 'shared'] as const)
      expect(capacity('512Mi', { isolation, sessions: 'none' })).toEqual({ sessions: ALL, processes: 8 });
  });

  it.each(['http image', 'websocket image', 'archon', 'remote'])(
    'has nothing to do with memory for a %s, which has one program for all',
    (kind) => {
      expect(capacity('512Mi', {}, kind)).toEqual({ sessions: ALL });
      expect(JSON.parse(supervisorJson(server('512Mi', {}, kind), settings)).servers[0]).toMatchObject({
        limits: {},
      });
    },
  );

  it('is told to the supervisor', () => {
    const given = server('512Mi', { limits: { spares: 1, idle: 60_000 } });
    expect(JSON.parse(supervisorJson(given, settings)).servers[0]).toMatchObject({
      limits: { spares: 1, idle: 60_000, sessions: 7 },
      processes: 7,
    });
  });
});

describe('how many processes the helper starts at most', () => {
  it('is more than sessions need, with their spares', () => {
    expect(mostProcesses(server('512Mi'), settings)).toBe(12);
    expect(mostProcesses(server('512Mi', { limits: { spares: 3 } }), settings)).toBe(12);
    expect(mostProcesses(server('512Mi', { limits: { sessions: 500, spares: 3 } }), settings)).toBe(507);
  });

  it('is no more than it can', () => {
    expect(mostProcesses(server('512Mi', { limits: { sessions: 100_000 } }), settings)).toBe(1_024);
  });

  it('does not follow sessions that share one', () => {
    const limits = { sessions: 1_000 };
    expect(mostProcesses(server('512Mi', { isolation: 'shared', limits }), settings)).toBe(64);
  });
});
