import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../../src/clock.ts';
import { type ReplicaPod, toReplicaPod } from '../../../src/cluster/gateway/replica-pod.ts';
import { ReplicaTable } from '../../../src/cluster/gateway/replica-table.ts';
import { BerthError } from '../../../src/errors.ts';
import type { Link } from '../../../src/link/link.ts';
import { serverPod } from './fixture.ts';

let clock: ManualClock;
let table: ReplicaTable;
const made: string[] = [];

const pod = (name: string, state: Parameters<typeof serverPod>[2] = {}): ReplicaPod => {
  const object = serverPod({ name: 's', uid: 'S' }, name, state);
  const found = toReplicaPod({ ...object, metadata: { ...object.metadata, namespace: 'demo' } });
  if (!found) throw new Error('no replica');
  return found;
};
const full = new BerthError('limit-reached', 'full');
const resting = new BerthError('resting', 'about to rest');
const session = (nonce = 'n') => table.route('S', nonce, 'session');

beforeEach(() => {
  clock = new ManualClock();
  made.length = 0;
  table = new ReplicaTable({
    clock,
    link: ({ name }) => {
      made.push(name);
      return { name } as unknown as Link;
    },
  });
});

describe('a replica', () => {
  it('is a pod of an MCPServer, and nothing else', () => {
    expect(toReplicaPod({ metadata: { name: 'a', namespace: 'b', uid: 'c' } })).toBeUndefined();
    expect(pod('a', { ready: false, sessions: 3 })).toMatchObject({
      server: 'S',
      name: 'uid-a',
      running: true,
      ready: false,
      sessions: 3,
    });
    const installer = serverPod({ name: 's', uid: 'S' }, 'i', { running: false, node: 'n1' });
    const labels = { ...installer.metadata.labels, 'berth.dev/install-input': '0a1b2c3d' };
    const metadata = { ...installer.metadata, namespace: 'demo', labels };
    expect(toReplicaPod({ ...installer, metadata })).toBeUndefined();
    const done = serverPod({ name: 's', uid: 'S' }, 'a');
    const ended = { ...done, metadata: { ...done.metadata, namespace: 'demo' }, status: { phase: 'Failed' } };
    expect(toReplicaPod(ended)?.running).toBe(false);
  });
});

describe('a replica that is about to run', () => {
  const coming = (name: string): ReplicaPod => pod(name, { running: false, ready: false, node: 'n1' });
  let reached: string[];
  let questions: PromiseWithResolvers<unknown>[];
  beforeEach(() => {
    [reached, questions] = [[], []];
    const ask = (): Promise<unknown> => {
      const question = Promise.withResolvers<unknown>();
      questions.push(question);
      return question.promise;
    };
    table = new ReplicaTable({
      clock,
      link: ({ name }) => ({ name, ask }) as unknown as Link,
      reached: ({ name, serverName }) => reached.push(`${serverName} ${name}`),
    });
  });
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  it('is one that has a node, and whose supervisor has not run yet', () => {
    expect(coming('a').coming).toBe(true);
    const without = (change: (object: ReturnType<typeof serverPod>) => object): boolean | undefined => {
      const object = serverPod({ name: 's', uid: 'S' }, 'a', { running: false, node: 'n1' });
      const changed = { ...object, ...change(object) };
      return toReplicaPod({ ...changed, metadata: { ...changed.metadata, namespace: 'demo' } })?.coming;
    };
    const status = (given: object) => without(({ status }) => ({ status: { ...status, ...given } }));
    const supervisor = (state: object) => status({ containerStatuses: [{ name: 'supervisor', state }] });
    const listens = [{ name: 'supervisor', ports: [{ name: 'link', containerPort: 8643 }] }];
    expect(pod('a', { running: false }).coming).toBe(false);
    expect(pod('a', { running: false, node: 'n1', leaving: true }).coming).toBe(false);
    expect(pod('a', { node: 'n1' }).coming).toBe(false);
    expect(status({ containerStatuses: [] })).toBe(true);
    expect(status({ phase: 'Failed' })).toBe(false);
    expect(supervisor({ waiting: { reason: 'PodInitializing' } })).toBe(true);
    for (const reason of ['ImagePullBackOff', 'CrashLoopBackOff', 'CreateContainerError'])
      expect([reason, supervisor({ waiting: { reason } })]).toEqual([reason, false]);
    expect(supervisor({ terminated: { exitCode: 1 } })).toBe(false);
    // Over the network it can be reached only where it is known to be.
    const network = ({ spec }: ReturnType<typeof serverPod>) => ({ spec: { ...spec, containers: listens } });
    expect(without(network)).toBe(false);
    expect(without((one) => ({ ...network(one), status: { ...one.status, podIP: '10.0.0.9' } }))).toBe(true);
  });

  it('is called once it answers, and before that it is not', async () => {
    table.put(coming('a'));
    expect([table.isCallable('S'), session()]).toEqual([false, undefined]);
    table.reach('S');
    table.reach('S');
    expect([questions.length, table.isCallable('S')]).toEqual([1, false]);
    questions[0]!.resolve([]);
    await turn();
    expect([table.isCallable('S'), session()?.replica, reached]).toEqual([true, 'uid-a', ['s uid-a']]);
    expect(table.replica('S', 'uid-a')).toBeDefined();
    table.reach('S');
    // As far as the cluster knows it still starts; then the cluster's word counts.
    table.put(coming('a'));
    expect([questions.length, table.isCallable('S')]).toEqual([1, true]);
    table.put(pod('a', { ready: false }));
    table.put(pod('a', { running: false, ready: false }));
    expect(table.isCallable('S')).toBe(false);
  });

  it('has the sessions that another gateway has opened there already, whatever is known of it here', async () => {
    table.put(coming('a'));
    table.put(coming('b'));
    table.reach('S');
    questions[0]?.resolve([]);
    await turn();
    expect(table.isCallable('S')).toBe(true);
    expect(table.replica('S', 'uid-b')).toBeDefined();
  });

  it('is asked again when its link gave up, and counts as there when it refuses the question', async () => {
    table.put(coming('a'));
    table.reach('S');
    questions[0]!.reject(new BerthError('busy', 'the supervisor does not answer just now'));
    await turn();
    expect([table.isCallable('S'), reached]).toEqual([false, []]);
    table.reach('S');
    questions[1]!.reject(new BerthError('not-allowed', 'too old to be asked'));
    await turn();
    expect([table.isCallable('S'), reached.length]).toEqual([true, 1]);
  });

  it('is left alone while nobody waits for it, and when it runs or goes', async () => {
    table.put(pod('b', { node: 'n1' }));
    table.put(pod('c', { running: false, leaving: true, node: 'n1' }));
    table.reach('S');
    table.put(coming('a'));
    expect(questions).toEqual([]);
    table.reach('S');
    table.put(pod('a', { running: false, leaving: true, node: 'n1' }));
    questions[0]!.resolve([]);
    await turn();
    expect(reached).toEqual([]);
  });
});

describe('new sessions', () => {
  it('go where there is most room, counting what this gateway has just put there', () => {
    table.put(pod('a', { sessions: 5 }));
    table.put(pod('b', { sessions: 3 }));
    const places = [1, 2, 3, 4, 5].map((at) => session(`n${at}`)?.replica);
    expect(places.slice(0, 2)).toEqual(['uid-b', 'uid-b']);
    expect(places.filter((name) => name === 'uid-a').length).toBeGreaterThan(0);
  });

  it('start from what was counted when that is news', () => {
    table.put(pod('a', { sessions: 0 }));
    table.put(pod('b', { sessions: 1 }));
    for (let at = 0; at < 10; at++) session(`n${at}`);
    table.put(pod('a', { sessions: 9 }));
    table.put(pod('b', { sessions: 2 }));
    expect(session()?.replica).toBe('uid-b');
  });

  it('count for a while, as those that end before they are counted never are', () => {
    table.put(pod('a', { sessions: 0 }));
    for (let at = 0; at < 50; at++) session(`n${at}`);
    table.put(pod('b', { sessions: 40 }));
    expect(session()?.replica).toBe('uid-b');
    clock.advance(60_000);
    table.put(pod('a', { sessions: 0 }));
    expect(session()?.replica).toBe('uid-a');
  });

  it('go to the next one when the first takes no more, and leave that alone for a while', async () => {
    table.put(pod('a', { sessions: 0 }));
    table.put(pod('b', { sessions: 9 }));
    const first = session();
    const second = await first?.next?.(full);
    expect([first?.replica, second?.replica]).toEqual(['uid-a', 'uid-b']);
    expect(session()?.replica).toBe('uid-b');
    clock.advance(5_000);
    expect(session()?.replica).toBe('uid-a');
    expect(second?.next?.(full)).toBeUndefined();
  });

  it('spread by hash over those that are equal', () => {
    const names = ['a', 'b', 'c'];
    const first = new Set(
      Array.from({ length: 50 }, (_, at) => {
        const fresh = new ReplicaTable({ clock, link: () => ({}) as Link });
        for (const name of names) fresh.put(pod(name));
        return fresh.route('S', `nonce-${at}`, 'session')?.replica;
      }),
    );
    expect(first.size).toBe(3);
  });

  it('never go to one that is to go, nor to one that does not run', () => {
    table.put(pod('a', { leaving: true }));
    table.put(pod('b', { running: false }));
    expect([session(), table.isCallable('S')]).toEqual([undefined, false]);
    table.put(pod('c', { ready: false, sessions: 50 }));
    expect(session()?.replica).toBe('uid-c');
    table.put(pod('d', { sessions: 99 }));
    expect(session()?.replica).toBe('uid-d');
  });

  it('have nowhere else to go where there is one replica', () => {
    table.put(pod('a'));
    expect(session()?.next?.(full)).toBeUndefined();
  });

  it('wait for a replica when the last one is about to rest, and go to it', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const asked: string[] = [];
    table.whenAway((server) => {
      asked.push(server);
      return promise;
    });
    table.put(pod('a', { sessions: 0 }));
    table.put(pod('b', { sessions: 9 }));
    const second = await session()?.next?.(resting);
    expect([second?.replica, asked]).toEqual(['uid-b', []]);
    const third = second?.next?.(resting);
    expect([session(), table.isCallable('S')]).toEqual([undefined, false]);
    table.put(pod('c'));
    resolve();
    expect([(await third)?.replica, asked]).toEqual(['uid-c', ['S']]);
    // One that was not ended after all is there again.
    clock.advance(5_000);
    table.remove(pod('c'));
    expect(session()?.replica).toBe('uid-a');
  });

  it('are moved for a minute and no longer', async () => {
    table.put(pod('a'));
    const first = session();
    clock.advance(60_000);
    expect(first?.next?.(resting)).toBeUndefined();
  });
});

/** Where a caller is sent, once it has been asked. */
const placeOf = async (caller: string, at = table): Promise<string | undefined> => {
  const route = at.route('S', caller);
  return ((await route?.settled) ?? route)?.replica;
};

describe('callers without a session', () => {
  it('go to the same replica on every gateway', async () => {
    const other = new ReplicaTable({ clock, link: () => ({}) as Link });
    for (const name of ['a', 'b', 'c']) table.put(pod(name));
    for (const name of ['c', 'a', 'b']) other.put(pod(name));
    for (let at = 0; at < 20; at++) expect(await placeOf(`p${at}`)).toBe(await placeOf(`p${at}`, other));
  });

  it('stay where they are when replicas are added, and move when theirs goes', async () => {
    for (const name of ['a', 'b']) table.put(pod(name));
    const callers = Array.from({ length: 40 }, (_, at) => `p${at}`);
    const places = () => Promise.all(callers.map((caller) => placeOf(caller)));
    const before = await places();
    for (const name of ['c', 'd', 'e']) table.put(pod(name));
    expect(await places()).toEqual(before);
    table.remove(pod('a'));
    for (const [at, replica] of (await places()).entries())
      if (before[at] === 'uid-b') expect(replica).toBe('uid-b');
      else expect(replica).not.toBe('uid-a');
  });

  it('go where something of theirs lives already, as its replica says, and are asked for once', async () => {
    const asked: unknown[] = [];
    const says: Record<string, Promise<unknown>> = { 'uid-a': Promise.resolve(false) };
    table = new ReplicaTable({
      clock,
      link: ({ name }) => ({
        conversation: () => {
          throw new Error('nothing is called');
        },
        ask: (question) => {
          asked.push(question);
          return says[name] ?? Promise.reject(new BerthError('busy', 'no answer'));
        },
        close: () => Promise.resolve(),
      }),
    });
    for (const name of ['a', 'b', 'c']) table.put(pod(name));
    for (const holder of ['uid-a', 'uid-b', 'uid-c']) {
      says[holder] = Promise.resolve(true);
      asked.length = 0;
      const caller = `of-${holder}`;
      expect(await Promise.all([placeOf(caller), placeOf(caller)])).toEqual([holder, holder]);
      expect(asked).toEqual(Array(3).fill({ what: 'holds', server: 'S', principal: caller }));
      expect(await placeOf(caller)).toBe(holder);
      expect(asked).toHaveLength(3);
      says[holder] = Promise.resolve(false);
    }
    // Replicas that do not answer hold nobody up for long.
    for (const name of ['uid-a', 'uid-b', 'uid-c']) says[name] = new Promise(() => {});
    const waiting = placeOf('stranger');
    clock.advance(2_000);
    expect(await waiting).toBe(table.route('S', 'stranger')?.replica);
  });
});

describe('a task', () => {
  const placeOfTask = async (): Promise<string | undefined> => {
    const route = table.route('S', 'p', { task: 't' });
    return ((await route?.settled) ?? route)?.replica;
  };
  let asked: [string, unknown][];
  let holder: string;
  beforeEach(() => {
    [asked, holder] = [[], ''];
    const ask = async (name: string, question: { what: string }): Promise<unknown> => {
      asked.push([name, question]);
      if (name === 'uid-old')
        throw new BerthError('internal', 'a question that this supervisor does not know');
      return question.what === 'task' && name === holder;
    };
    table = new ReplicaTable({
      clock,
      link: ({ name }) => ({ ask: (question: { what: string }) => ask(name, question) }) as unknown as Link,
    });
  });

  it('is asked about on the replica that is to go and has it, as its caller is elsewhere by now', async () => {
    table.put(pod('a', { leaving: true }));
    table.put(pod('b', { leaving: true }));
    table.put(pod('old', { leaving: true }));
    table.put(pod('dead', { leaving: true, running: false }));
    table.put(pod('c'));
    holder = 'uid-b';
    expect([await placeOfTask(), await placeOf('p')]).toEqual(['uid-b', 'uid-c']);
    const question = { what: 'task', server: 'S', principal: 'p', task: 't' };
    expect(asked).toEqual(['uid-a', 'uid-b', 'uid-old'].map((name) => [name, question]));
    holder = '';
    expect(await placeOfTask()).toBe('uid-c');
  });

  it('is answered by the last replica too, which takes nothing else', async () => {
    table.put(pod('a', { leaving: true }));
    holder = 'uid-a';
    expect([await placeOfTask(), table.route('S', 'p')]).toEqual(['uid-a', undefined]);
    holder = '';
    await expect(placeOfTask()).rejects.toMatchObject({ code: 'busy' });
  });

  it('is where its caller is while no replica goes', async () => {
    table.put(pod('a'));
    expect([await placeOfTask(), asked]).toEqual(['uid-a', []]);
    table.put(pod('b'));
    expect(await placeOfTask()).toBe(await placeOf('p'));
  });
});

it('a caller without a session leaves its replica only when that is about to rest', async () => {
  for (const name of ['a', 'b']) table.put(pod(name));
  const first = await table.route('S', 'p')?.settled;
  expect(first?.next?.(full)).toBeUndefined();
  const second = await first?.next?.(resting);
  expect(new Set([first?.replica, second?.replica])).toEqual(new Set(['uid-a', 'uid-b']));
  table.whenAway(() => Promise.reject(new BerthError('busy', 'nothing came')));
  await expect(second?.next?.(resting)).rejects.toMatchObject({ code: 'busy' });
});

describe('a named replica', () => {
  it('is found for as long as it runs, also while it is about to go', () => {
    table.put(pod('a', { leaving: true }));
    expect(table.replica('S', 'uid-a')).toEqual({ name: 'uid-a' });
    table.put(pod('a', { leaving: true, running: false }));
    expect(table.replica('S', 'uid-a')).toBeUndefined();
    table.put(pod('b'));
    table.remove(pod('b'));
    expect([table.replica('S', 'uid-b'), table.replica('T', 'uid-b')]).toEqual([undefined, undefined]);
  });
});
