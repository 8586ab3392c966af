import { describe, expect, it } from 'vitest';
import { KillSet, membersOf } from '../../src/supervisor/kill-set.ts';
import type { ProcessEntry } from '../../src/supervisor/process-table.ts';

const MARK = 'folder:1:1:nonce';

function entry(pid: number, more: Partial<ProcessEntry> = {}): ProcessEntry {
  return { pid, parent: 1, group: pid, session: pid, started: `t${pid}`, mark: undefined, ...more };
}

const pids = (...args: Parameters<typeof membersOf>): number[] =>
  [...membersOf(...args).keys()].sort((a, b) => a - b);

describe('the kill set', () => {
  const target = { mark: MARK, leader: { pid: 4_000_010, started: 't4000010' } };

  it('counts in group, session, mark and children of children, and nothing else', () => {
    const entries = [
      entry(1, { mark: MARK }),
      entry(process.pid, { mark: MARK }),
      entry(4_000_010),
      entry(4_000_011, { group: 4_000_010 }),
      entry(4_000_012, { session: 4_000_010 }),
      entry(4_000_013, { mark: MARK }),
      entry(4_000_014, { parent: 4_000_013 }),
      entry(4_000_015, { parent: 4_000_014 }),
      entry(4_000_020, { mark: 'folder:1:1:another' }),
      entry(4_000_021),
    ];
    expect(pids(target, new Map(), entries)).toEqual([0, 1, 2, 3, 4, 5].map((n) => 4_000_010 + n));
  });

  it('remembers a child whose parent has ended, but not another process with its pid', () => {
    const known = new Map([
      [4_000_011, 't4000011'],
      [4_000_012, 'earlier'],
    ]);
    expect(pids(target, known, [entry(4_000_011), entry(4_000_012)])).toEqual([4_000_011]);
  });

  it('leaves a group alone whose number belongs to a new process by now', () => {
    const reused = [entry(4_000_010, { started: 'later' }), entry(4_000_011, { group: 4_000_010 })];
    expect(pids(target, new Map(), reused)).toEqual([]);
  });

  it('takes a chain of a hundred thousand descendants', () => {
    const chain = Array.from({ length: 100_000 }, (_, i) => entry(4_000_010 + i, { parent: 4_000_009 + i }));
    expect(membersOf(target, new Map(), chain).size).toBe(100_000);
  });

  it('signals nobody whose start time has changed since it was read', async () => {
    const table = { scan: async () => [entry(process.ppid, { mark: MARK })], started: () => 'later' };
    const set = new KillSet({ mark: MARK }, table);
    expect(await set.refresh()).toBe(1);
    // The parent of this test runs on.
    set.signal('SIGKILL');
    expect(() => process.kill(process.ppid, 0)).not.toThrow();
  });
});
