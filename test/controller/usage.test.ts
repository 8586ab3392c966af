import { beforeEach, describe, expect, it } from 'vitest';
import type { McpServerStatus } from '../../src/cluster/mcp-server.ts';
import type { Replica, ReplicaReport } from '../../src/controller/replica-probe.ts';
import { KEPT_DAYS, usageOf } from '../../src/controller/usage.ts';

const NOON = Date.parse('2026-11-25T12:00:00Z');
const DAY = 24 * 3_600_000;

let now: number;
let kept: McpServerStatus['usage'];
beforeEach(() => {
  now = NOON;
  kept = undefined;
});

const counted = (run: string, calls: number): Pick<ReplicaReport, 'usage'> => ({
  usage: { run, sessions: 1, calls, failedCalls: 0, bytesToServer: calls * 10, bytesFromServer: 0 },
});
const replica = (uid: string, told?: Pick<ReplicaReport, 'usage'>): Replica => {
  const pod = { metadata: { name: uid, uid } };
  return told ? { pod, report: { sessions: 0, ...told } } : { pod };
};
/** Looks at these, as a leader with no memory of its own would. */
const look = (...replicas: Replica[]): Record<string, number> => {
  kept = usageOf(replicas, kept && structuredClone(kept), now);
  return Object.fromEntries((kept?.days ?? []).map(({ day, calls }) => [day, calls]));
};

describe('the use of a server', () => {
  it('is what its replicas have counted, each call once, whoever looks and however often', () => {
    expect(look(replica('a', counted('r1', 3)), replica('b', counted('r2', 4)))).toEqual({ '2026-11-25': 7 });
    expect(look(replica('a', counted('r1', 3)), replica('b', counted('r2', 4)))).toEqual({ '2026-11-25': 7 });
    expect(look(replica('a', counted('r1', 5)), replica('b', counted('r2', 4)))).toEqual({ '2026-11-25': 9 });
    expect(kept?.days[0]).toMatchObject({ sessions: 2, bytesToServer: 90 });
  });

  it('counts from the beginning after a supervisor has, and not again after one was silent', () => {
    look(replica('a', counted('r1', 5)));
    expect(look(replica('a'))).toEqual({ '2026-11-25': 5 });
    expect(look(replica('a', counted('r1', 6)))).toEqual({ '2026-11-25': 6 });
    expect(look(replica('a', counted('r2', 2)))).toEqual({ '2026-11-25': 8 });
    expect(kept?.replicas).toEqual([expect.objectContaining({ pod: 'a', run: 'r2', calls: 2 })]);
  });

  it('outlives its replicas, by the day, for as many days as are kept', () => {
    look(replica('a', counted('r1', 5)));
    now += DAY;
    expect(look()).toEqual({ '2026-11-25': 5 });
    expect(kept?.replicas).toEqual([]);
    for (let day = 0; day < KEPT_DAYS + 5; day++, now += DAY) look(replica('b', counted('r3', day + 1)));
    expect(kept?.days).toHaveLength(KEPT_DAYS);
    expect(kept?.days[0]?.calls).toBe(1);
    expect(Object.keys(look())).not.toContain('2026-11-25');
  });

  it('is not told of a server that nothing is known of', () => {
    expect(look(replica('a'))).toEqual({});
    expect(kept).toBeUndefined();
  });
});
