import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { createLeaderElection, type LeaderElection, RENEW_DEADLINE } from '../../src/cluster/lease.ts';
import { LEASE_SECONDS } from '../../src/cluster/lease-record.ts';
import { type LeaseClient, LeaseServer } from './lease-server.ts';

const STEP = 250;

interface Program {
  readonly client: LeaseClient;
  readonly clock: ManualClock;
  readonly election: LeaderElection;
}

let server: LeaseServer;
let clock: ManualClock;
let programs: Program[];
let told: string[];
let faults: string[];

beforeEach(() => {
  server = new LeaseServer();
  clock = new ManualClock();
  programs = [];
  told = [];
  faults = [];
});
afterEach(async () => {
  for (const { client, election } of programs) {
    client.health = 'fine';
    await election.close();
  }
});

function join(
  identity: string,
  options: { clock?: ManualClock; onLose?: () => Promise<void> } = {},
): Program {
  const client = server.client();
  const own = options.clock ?? clock;
  const election = createLeaderElection({
    client,
    lease: { namespace: 'berth', name: 'leader' },
    identity,
    clock: own,
    random: () => 0,
    onLead: () => told.push(`${identity} leads`),
    onLose: () => {
      told.push(`${identity} stops`);
      return options.onLose?.();
    },
    onFault: (error) => faults.push(`${identity}: ${error.code}`),
  });
  const program = { client, clock: own, election };
  programs.push(program);
  return program;
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};
/** Moves time in small steps; at most one may ever lead. */
const pass = async (ms: number): Promise<void> => {
  for (let passed = 0; passed < ms; passed += STEP) {
    clock.advance(STEP);
    await settle();
    expect(programs.filter(({ election }) => election.leading).length).toBeLessThanOrEqual(1);
  }
};

describe('an election', () => {
  it('makes the first candidate the leader, and keeps it', async () => {
    const one = join('one');
    const two = join('two');
    await settle();
    expect(told).toEqual(['one leads']);
    await pass(60_000);
    expect(told).toEqual(['one leads']);
    expect([one.election.leading, two.election.leading]).toEqual([true, false]);
    expect([one.election.leader, two.election.leader]).toEqual(['one', 'one']);
    expect(server.lease).toMatchObject({
      metadata: { namespace: 'berth', name: 'leader' },
      spec: { holderIdentity: 'one', leaseDurationSeconds: LEASE_SECONDS, leaseTransitions: 0 },
    });
    expect(server.lease?.spec?.renewTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(faults).toEqual([]);
  });

  it('lets the next one lead at once when the leader goes', async () => {
    const one = join('one');
    await settle();
    join('two');
    await settle();
    await one.election.close();
    await one.election.close();
    expect(server.lease?.spec?.holderIdentity).toBe('');
    await pass(2_500);
    expect(told).toEqual(['one leads', 'one stops', 'two leads']);
    expect(server.lease?.spec).toMatchObject({ holderIdentity: 'two', leaseTransitions: 1 });
  });

  it('frees the lease only when the leader has put down its work', async () => {
    const work = Promise.withResolvers<void>();
    const one = join('one', { onLose: () => work.promise });
    await settle();
    const closing = one.election.close();
    await pass(2_000);
    expect(server.lease?.spec?.holderIdentity).toBe('one');
    work.resolve();
    await closing;
    expect(server.lease?.spec?.holderIdentity).toBe('');
  });

  it('frees the lease of a leader that was just renewing it', async () => {
    const one = join('one');
    await settle();
    one.client.health = 'answers-late';
    await pass(2_000);
    const closing = one.election.close();
    one.client.health = 'fine';
    await closing;
    expect(server.lease?.spec?.holderIdentity).toBe('');
    expect(faults).toEqual([]);
  });

  it('waits the whole time of a leader that died', async () => {
    const one = join('one');
    await settle();
    one.client.health = 'hangs';
    const two = join('two');
    await settle();
    await pass(LEASE_SECONDS * 1_000 - STEP);
    expect(two.election.leading).toBe(false);
    await pass(2_500);
    expect(told).toEqual(['one leads', 'one stops', 'two leads']);
    expect(server.lease?.spec?.leaseTransitions).toBe(1);
  });

  it.each(['refuses', 'hangs', 'answers-late'] as const)(
    'stops a leader in time whose API server %s, and makes it the leader again',
    async (health) => {
      const one = join('one');
      await settle();
      await pass(4_000);
      one.client.health = health;
      await pass(RENEW_DEADLINE - 2_000);
      expect(told).toEqual(['one leads']);
      await pass(2_000);
      expect(told).toEqual(['one leads', 'one stops']);
      one.client.health = 'fine';
      await pass(8_000);
      expect(told).toEqual(['one leads', 'one stops', 'one leads']);
      expect(faults.length).toBeGreaterThan(0);
    },
  );

  it('survives an API server that is away for a moment', async () => {
    const one = join('one');
    await settle();
    one.client.health = 'refuses';
    await pass(RENEW_DEADLINE - 3_000);
    one.client.health = 'fine';
    await pass(30_000);
    expect(told).toEqual(['one leads']);
  });

  it('stops at once when somebody else holds the lease', async () => {
    join('one');
    await settle();
    server.meddle({ holderIdentity: 'somebody', leaseDurationSeconds: 15 });
    await pass(2_500);
    expect(told).toEqual(['one leads', 'one stops']);
    await pass(LEASE_SECONDS * 1_000 + 2_500);
    expect(told).toEqual(['one leads', 'one stops', 'one leads']);
  });

  it('goes on when the lease was touched, or removed, by somebody', async () => {
    join('one');
    await settle();
    server.meddle({ ...server.lease?.spec, leaseTransitions: 41 });
    await pass(2_500);
    expect(server.lease?.spec?.leaseTransitions).toBe(41);
    server.lease = undefined;
    await pass(4_500);
    expect(server.lease).toMatchObject({ spec: { holderIdentity: 'one' } });
    expect(told).toEqual(['one leads']);
  });

  it('lets one of many lead that come in the same moment', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) join(name);
    await settle();
    await pass(30_000);
    expect(told).toHaveLength(1);
  });

  it('is over for a program that was stopped for a while, before any timer of it runs', async () => {
    const stopped = new StoppedClock();
    const one = join('one', { clock: stopped });
    await settle();
    expect(one.election.leading).toBe(true);
    stopped.ahead = RENEW_DEADLINE;
    expect(one.election.leading).toBe(false);
  });

  it('leaves nothing when a candidate goes that never led', async () => {
    join('one');
    const two = join('two');
    await settle();
    const { writes } = server;
    await two.election.close();
    expect(server.writes).toBe(writes);
    expect(server.lease?.spec?.holderIdentity).toBe('one');
  });
});

describe('an election that is disturbed', () => {
  const lease = { namespace: 'berth', name: 'leader' };

  it('goes on when its program throws', async () => {
    const election = createLeaderElection({
      client: server.client(),
      lease,
      identity: 'one',
      clock,
      onLead: () => {
        throw new Error('a fault of ours');
      },
      onLose: () => Promise.reject(new Error('another')),
      onFault: (error) => faults.push(error.code),
    });
    await settle();
    expect(election.leading).toBe(true);
    await election.close();
    expect(faults).toEqual(['internal', 'internal']);
    expect(server.lease?.spec?.holderIdentity).toBe('');
  });

  it('ends though the lease cannot be freed: it frees itself in time', async () => {
    const one = join('one');
    await settle();
    one.client.health = 'refuses';
    await one.election.close();
    expect(faults).toEqual(['one: busy']);
    expect(server.lease?.spec?.holderIdentity).toBe('one');
    join('two');
    await pass(LEASE_SECONDS * 1_000 + 2_500);
    expect(told.at(-1)).toBe('two leads');
  });

  it('ends though nobody answers', async () => {
    const one = join('one');
    await settle();
    one.client.health = 'hangs';
    let closed = false;
    void one.election.close().then(() => {
      closed = true;
    });
    await pass(6_000);
    expect(closed).toBe(true);
  });
});

describe('the times in a lease', () => {
  it.each([
    ['long ago', '1999-01-01T00:00:00.000000Z'],
    ['far ahead', '2999-01-01T00:00:00.000000Z'],
    ['no time at all', 'yesterday'],
  ])('are not believed: %s', async (_name, renewTime) => {
    server.meddle({ holderIdentity: 'other', leaseDurationSeconds: 15, renewTime, acquireTime: renewTime });
    join('one');
    await settle();
    await pass(15_000 - STEP);
    expect(told).toEqual([]);
    await pass(2_500);
    expect(told).toEqual(['one leads']);
  });

  it('may be missing, as may everything else', async () => {
    for (const spec of [undefined, {}, { holderIdentity: null, leaseDurationSeconds: null }]) {
      server.meddle(spec);
      const one = join('one');
      await settle();
      expect(one.election.leading).toBe(true);
      await one.election.close();
    }
    server.meddle({ holderIdentity: 'other' });
    join('two');
    await pass(LEASE_SECONDS * 1_000 + 2_500);
    expect(told.at(-1)).toBe('two leads');
  });

  it('count by the length that their holder gave them', async () => {
    server.meddle({ holderIdentity: 'other', leaseDurationSeconds: 60 });
    join('one');
    await settle();
    await pass(60_000 - STEP);
    expect(told).toEqual([]);
    await pass(2_500);
    expect(told).toEqual(['one leads']);
  });

  it('need not agree between programs: a clock that stands does not take the lease', async () => {
    const frozen = new ManualClock();
    join('one');
    await settle();
    join('two', { clock: frozen });
    await settle();
    await pass(120_000);
    expect(told).toEqual(['one leads']);
    // And one that jumps ahead sees the renewals that came meanwhile before it judges.
    frozen.advance(3_600_000);
    await settle();
    expect(told).toEqual(['one leads']);
  });
});

/** Time that has passed without any timer having run. */
class StoppedClock extends ManualClock {
  ahead = 0;

  override now(): number {
    return super.now() + this.ahead;
  }
}
