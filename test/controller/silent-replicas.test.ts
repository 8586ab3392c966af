/** Replicas that no longer answer, such as those of a lost node: nobody waits for them, and they are believed again at once. */
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import type { Pod } from '../../src/cluster/objects/pod-types.ts';
import { PODS } from '../../src/cluster/resources.ts';
import { createLinkProbe, type LinkProbe } from '../../src/controller/link-probe.ts';
import { BerthError } from '../../src/errors.ts';
import type { Link } from '../../src/link/link.ts';
import { ANSWER_LIMIT } from '../../src/link/question.ts';
import { ServerWorld } from '../support/server-world.ts';

const signal = new AbortController().signal;
const WELL = { state: 'ready', sessions: 1, processes: 1, inUse: true };
/** More than a look waits, and less than a question does. */
const LOOK = 3_000;

const pod = (uid: string, resourceVersion = '1', nodeName = 'lost'): Pod => ({
  metadata: { name: uid, uid, resourceVersion, labels: { 'berth.dev/server-uid': 'server' } },
  spec: { nodeName, containers: [] },
});

/** Replicas whose answers come when they are told to, and never otherwise. */
class Replicas {
  readonly clock = new ManualClock();
  readonly probe: LinkProbe;
  /** Of those that answer at once. */
  readonly well = new Set<string>();
  /** By replica. */
  readonly asked = new Map<string, number>();
  readonly closed: string[] = [];
  readonly #waiting = new Map<string, PromiseWithResolvers<unknown>>();

  constructor() {
    const { clock } = this;
    this.probe = createLinkProbe({ open: (current) => this.#linkTo(current), now: () => 0, clock });
  }

  answer(uid: string): void {
    this.#waiting.get(uid)?.resolve(WELL);
  }

  /** What it says within one look, in which the clock moves by as much. */
  async look(of: Pod, ms = LOOK): Promise<number | undefined> {
    const report = this.probe.report(of, signal);
    await settled();
    this.clock.advance(ms);
    await settled();
    return (await report)?.sessions;
  }

  /** Whether a look is over without anybody having waited. */
  async isAnsweredAtOnce(of: Pod): Promise<boolean> {
    let over = false;
    void this.probe.report(of, signal).then(() => {
      over = true;
    });
    await settled();
    return over;
  }

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await settled();
  }

  #linkTo(current: () => Pod): Link {
    const { uid = '' } = current().metadata;
    return {
      conversation: () => {
        throw new Error('nothing is called');
      },
      ask: () => {
        this.asked.set(uid, (this.asked.get(uid) ?? 0) + 1);
        if (this.well.has(uid)) return Promise.resolve(WELL);
        const waiting = Promise.withResolvers<unknown>();
        this.#waiting.set(uid, waiting);
        this.clock.after(ANSWER_LIMIT, () => waiting.reject(new BerthError('busy', 'no answer')));
        return waiting.promise;
      },
      close: async () => {
        this.#waiting.get(uid)?.reject(new BerthError('busy', 'closed'));
        this.closed.push(uid);
      },
    };
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe('a replica that does not answer', () => {
  it('holds one look up for a moment, and the next ones not at all', async () => {
    const world = new Replicas();
    expect(await world.look(pod('a'))).toBeUndefined();
    expect(await world.isAnsweredAtOnce(pod('a'))).toBe(true);
    expect([world.asked.get('a'), world.probe.isSilent?.(pod('a'))]).toEqual([1, false]);
    // The question is over, unanswered: it is left alone for a while.
    await world.pass(ANSWER_LIMIT);
    expect(await world.isAnsweredAtOnce(pod('a'))).toBe(true);
    expect([world.asked.get('a'), world.probe.isSilent?.(pod('a'))]).toEqual([1, true]);
  });

  it('is asked again ever more seldom, and at least every minute or so', async () => {
    const world = new Replicas();
    const every = 5_000;
    const times: number[] = [];
    for (let now = 0; now < 600_000; now += every) {
      const before = world.asked.get('a') ?? 0;
      await world.look(pod('a'), every);
      if ((world.asked.get('a') ?? 0) > before) times.push(now);
    }
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(gaps.slice(0, 3)).toEqual([...gaps.slice(0, 3)].sort((a, b) => a - b));
    expect(gaps[0]).toBeLessThan(gaps[2] as number);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(80_000);
    expect(times.length).toBeGreaterThan(7);
  });

  it('is believed as soon as it answers, and asked at every look from then on', async () => {
    const world = new Replicas();
    await world.look(pod('a'));
    await world.pass(ANSWER_LIMIT);
    await world.pass(60_000);
    world.well.add('a');
    expect(await world.look(pod('a'), 0)).toBe(1);
    expect(world.probe.isSilent?.(pod('a'))).toBe(false);
    for (const count of [3, 4]) {
      expect(await world.look(pod('a'), 0)).toBe(1);
      expect(world.asked.get('a')).toBe(count);
    }
  });

  it('is asked at once when something about its pod has changed', async () => {
    const world = new Replicas();
    await world.look(pod('a'));
    await world.pass(ANSWER_LIMIT);
    world.well.add('a');
    expect(await world.look(pod('a'), 0)).toBeUndefined();
    expect(await world.look(pod('a', '2'), 0)).toBe(1);
  });

  it('counts at the next look with what it has said too late for this one', async () => {
    const world = new Replicas();
    expect(await world.look(pod('a'))).toBeUndefined();
    world.answer('a');
    await settled();
    // Slow again: what it said a moment ago is better than nothing, and it is not silent.
    expect(await world.look(pod('a'))).toBe(1);
    expect([world.asked.get('a'), world.probe.isSilent?.(pod('a'))]).toEqual([2, false]);
    await world.pass(60_000);
    expect(await world.look(pod('a'))).toBeUndefined();
  });

  it('is not asked to rest', async () => {
    const world = new Replicas();
    await world.look(pod('a'));
    expect(await world.probe.rest?.(pod('a'), signal)).toBe(false);
    expect(world.asked.get('a')).toBe(1);
  });

  it('makes looks at others of its node short, and at those of other nodes not', async () => {
    const world = new Replicas();
    await world.look(pod('a'));
    await world.pass(ANSWER_LIMIT);
    const others = [pod('b'), pod('c', '1', 'there')].map((one) => world.probe.report(one, signal));
    const over: number[] = [];
    others.forEach((report, index) => void report.then(() => over.push(index)));
    await world.pass(500);
    expect(over).toEqual([0]);
    await world.pass(LOOK);
    expect(over).toEqual([0, 1]);
  });

  it('is forgotten with its pod', async () => {
    const world = new Replicas();
    await world.look(pod('a'));
    await world.pass(ANSWER_LIMIT);
    world.probe.keepOnly([]);
    expect([world.closed, world.probe.isSilent?.(pod('a'))]).toEqual([['a'], false]);
    const [again] = [world.probe.report(pod('b'), signal)];
    await world.pass(500);
    world.answer('b');
    expect((await again)?.sessions).toBe(1);
  });
});

describe('a server', () => {
  const start = async (replicas: number): Promise<ServerWorld> => {
    const world = new ServerWorld();
    const image = { image: 'ghcr.io/acme/mcp:1', entrypoint: ['/mcp'] };
    world.apply({ source: { image }, replicas });
    world.reports.set('*', { sessions: 0, protocolVersion: '2025-11-25' });
    await world.settle();
    world.reports.clear();
    return world;
  };
  const lose = (world: ServerWorld): string => {
    const { name = '' } = world.replicas[0]!.metadata;
    world.silent.add(name);
    return name;
  };

  it('is not told as well when its replica no longer answers', async () => {
    const world = await start(1);
    const name = lose(world);
    const told = {
      reason: 'NotAnswering',
      message: `replica ${name} on node node-1 does not answer`,
      hint: expect.stringContaining('kubectl get node node-1'),
    };
    // Its node has not been given up yet.
    expect(await world.look()).toMatchObject({ state: 'degraded', ...told });
    world.setDeployment({ replicas: 1, readyReplicas: 0, availableReplicas: 0, updatedReplicas: 1 });
    expect(await world.look()).toMatchObject({ state: 'pending', ...told });
    world.silent.clear();
    world.reports.set('*', { sessions: 0, protocolVersion: '2025-11-25' });
    world.setDeployment({ replicas: 1, readyReplicas: 1, availableReplicas: 1, updatedReplicas: 1 });
    expect(await world.look()).toMatchObject({ state: 'running', reason: 'Ready' });
  });

  it('says nothing of a replica that is being ended', async () => {
    const world = await start(2);
    const name = lose(world);
    const gone = world.replicas.find(({ metadata }) => metadata.name === name)!;
    const metadata = { ...gone.metadata, deletionTimestamp: '2026-11-25T12:00:00Z' };
    world.cluster.put(PODS, { ...gone, metadata });
    expect(await world.look()).toMatchObject({ state: 'running' });
  });
});
