import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { ApiStatus, refusalError } from '../../src/cluster/api-status.ts';
import type { McpServer, McpServerStatus } from '../../src/cluster/mcp-server.ts';
import { EVENTS, type KubeObject, MCP_SERVERS, SECRETS } from '../../src/cluster/resources.ts';
import { Applier } from '../../src/controller/applier.ts';
import { EventRecorder } from '../../src/controller/event-recorder.ts';
import { keepKeyRing, keepTreesKey, RING_KEY } from '../../src/controller/key-ring.ts';
import { StatusWriter } from '../../src/controller/status-writer.ts';
import { createWorkQueue } from '../../src/controller/work-queue.ts';
import { FakeCluster } from '../support/fake-cluster.ts';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const DAY = 24 * 3_600_000;
let cluster: FakeCluster;
let now: number;

beforeEach(() => {
  cluster = new FakeCluster();
  now = Date.parse('2026-11-25T12:00:00Z');
});

describe('the work queue', () => {
  it('works on one key in one place at a time, and once more when it was added meanwhile', async () => {
    const gates: (() => void)[] = [];
    let most = 0;
    let running = 0;
    const queue = createWorkQueue({
      clock: new ManualClock(),
      work: async () => {
        most = Math.max(most, ++running);
        await new Promise<void>((resolve) => gates.push(resolve));
        running--;
        return undefined;
      },
      onFault: () => {},
    });
    for (let time = 0; time < 3; time++) queue.add('a');
    await settled();
    queue.add('a');
    queue.add('a');
    expect(gates).toHaveLength(1);
    gates[0]!();
    await settled();
    expect(gates).toHaveLength(2);
    gates[1]!();
    await settled();
    expect([gates.length, most]).toEqual([2, 1]);
    await queue.close();
  });

  it('works on several keys at a time, and on no more than it may', async () => {
    const begun: string[] = [];
    const queue = createWorkQueue({
      clock: new ManualClock(),
      parallel: 2,
      work: (key, signal) => {
        begun.push(key);
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined)));
      },
      onFault: () => {},
    });
    for (const key of ['a', 'b', 'c']) queue.add(key);
    await settled();
    expect(begun).toEqual(['a', 'b']);
    await queue.close();
    expect(begun).toEqual(['a', 'b']);
  });

  it('does not try again before the API server wants it to', async () => {
    const clock = new ManualClock();
    let tries = 0;
    const asked = new ApiStatus(429, { message: 'later', reason: 'TooManyRequests' }, 9_000);
    const queue = createWorkQueue({
      clock,
      work: async () => {
        tries++;
        throw refusalError('apply deployments demo/web', asked);
      },
      onFault: () => {},
    });
    queue.add('a');
    await settled();
    clock.advance(8_999);
    await settled();
    expect(tries).toBe(1);
    clock.advance(1);
    await settled();
    expect(tries).toBe(2);
    // What has happened meanwhile is looked at then.
    queue.add('a');
    clock.advance(8_999);
    await settled();
    expect(tries).toBe(2);
    clock.advance(1);
    await settled();
    expect(tries).toBe(3);
    await queue.close();
  });

  it('nor when something happened while it was told to wait', async () => {
    const clock = new ManualClock();
    const gates: PromiseWithResolvers<undefined>[] = [];
    const queue = createWorkQueue({
      clock,
      work: () => {
        const gate = Promise.withResolvers<undefined>();
        gates.push(gate);
        return gate.promise;
      },
      onFault: () => {},
    });
    queue.add('a');
    await settled();
    queue.add('a');
    gates[0]?.reject(
      refusalError('apply', new ApiStatus(429, { message: 'later', reason: 'TooManyRequests' }, 9_000)),
    );
    await settled();
    expect(gates).toHaveLength(1);
    clock.advance(9_000);
    await settled();
    expect(gates).toHaveLength(2);
    gates[1]?.resolve(undefined);
    await settled();
    queue.add('a');
    await settled();
    expect(gates).toHaveLength(3);
    gates[2]?.resolve(undefined);
    await queue.close();
  });

  it('tries again with longer and longer waits, and at once when asked to', async () => {
    const clock = new ManualClock();
    const faults: unknown[] = [];
    let tries = 0;
    const queue = createWorkQueue({
      clock,
      random: () => 1,
      work: async () => {
        tries++;
        throw new Error('no');
      },
      onFault: (key) => faults.push(key),
    });
    queue.add('a');
    await settled();
    for (const wait of [500, 1_000, 2_000, 4_000]) {
      const before = tries;
      clock.advance(wait - 1);
      await settled();
      expect(tries).toBe(before);
      clock.advance(1);
      await settled();
      expect(tries).toBe(before + 1);
    }
    queue.add('a');
    await settled();
    expect([tries, faults.length]).toEqual([6, 6]);
    await queue.close();
    clock.advance(1e9);
    await settled();
    expect(tries).toBe(6);
  });

  it('looks again when it was told to', async () => {
    const clock = new ManualClock();
    let looks = 0;
    const queue = createWorkQueue({
      clock,
      work: async () => (looks++ === 0 ? 5_000 : undefined),
      onFault: () => {},
    });
    queue.add('a');
    await settled();
    clock.advance(5_000);
    await settled();
    clock.advance(1e6);
    await settled();
    expect(looks).toBe(2);
    await queue.close();
  });
});

const status = (more: Partial<McpServerStatus> = {}): McpServerStatus => ({
  state: 'running',
  reason: 'Ready',
  message: 'demo is running',
  observedGeneration: 1,
  ready: '1/1',
  replicas: 1,
  readyReplicas: 1,
  availableReplicas: 1,
  updatedReplicas: 1,
  selector: 'x=y',
  conditions: [],
  ...more,
});
const server = (): McpServer => cluster.list<McpServer>(MCP_SERVERS)[0]!;

describe('a status', () => {
  const older: (readonly string[])[] = [];
  const newWriter = () =>
    new StatusWriter({ api: cluster, now: () => now, onOlder: (members) => older.push(members) });
  let writer: StatusWriter;

  beforeEach(() => {
    cluster.put(MCP_SERVERS, { metadata: { namespace: 'ns', name: 'demo' }, spec: {} } as McpServer);
    writer = newWriter();
  });

  it('is written when it says something new, and never touches the specification', async () => {
    await writer.write(server(), status());
    await writer.write(server(), status());
    expect(cluster.calls).toEqual(['apply status mcpservers demo']);
    expect(server()).toMatchObject({ spec: {}, status: { state: 'running' }, metadata: { generation: 1 } });
  });

  it('that counts sessions waits ten seconds, one of another state does not', async () => {
    await writer.write(server(), status());
    now += 4_000;
    expect(await writer.write(server(), status({ sessions: 5 }))).toBe(6_000);
    expect(server().status?.sessions).toBeUndefined();
    await writer.write(server(), status({ state: 'degraded', sessions: 6 }));
    expect(server().status).toMatchObject({ state: 'degraded', sessions: 6 });
    now += 10_000;
    expect(await writer.write(server(), status({ state: 'degraded', sessions: 7 }))).toBeUndefined();
    expect(server().status?.sessions).toBe(7);
  });

  it('that somebody else has written is put right, be it a leader of before whose write came late', async () => {
    await writer.write(server(), status());
    await newWriter().write(server(), status({ state: 'failed', reason: 'CrashLoop', message: 'long ago' }));
    expect(writer.last(server())).toBeUndefined();
    await writer.write(server(), status());
    expect(server().status).toMatchObject({ state: 'running', reason: 'Ready' });
  });

  it('that was written and is not seen yet is not written again', async () => {
    const old = server();
    await writer.write(old, status());
    const { resourceVersion } = server().metadata;
    await writer.write(old, status());
    await writer.write(server(), status());
    expect(server().metadata.resourceVersion).toBe(resourceVersion);
    expect(writer.last(old)).toEqual(status());
  });

  it('loses what it no longer says', async () => {
    await writer.write(server(), status({ hint: 'do this' }));
    await writer.write(server(), status());
    expect(server().status).not.toHaveProperty('hint');
  });

  it('is written as far as an older definition knows it, which is tried again later', async () => {
    const applied: McpServerStatus[] = [];
    let knows: readonly string[] = ['hint', 'capacity'];
    older.length = 0;
    vi.spyOn(cluster, 'apply').mockImplementation(async (_resource, object) => {
      const said = (object as unknown as McpServer).status as McpServerStatus;
      applied.push(said);
      const unknown = Object.keys(said).filter((member) => member !== 'state' && !knows.includes(member));
      if (unknown.length === 0) return object;
      const paths = unknown.map((member) => `  .status.${member}.of[name="x"]: field not declared in schema`);
      throw refusalError(
        'apply mcpservers demo',
        new ApiStatus(500, {
          reason: '',
          message: `failed to create typed patch object (ns/demo): errors:\n${paths.join('\n')}`,
        }),
      );
    });
    const plain = { state: 'running', hint: 'do this' } as unknown as McpServerStatus;
    await writer.write(server(), plain);
    knows = ['hint'];
    const write = async (sessions: number): Promise<void> => {
      now += 10_000;
      await writer.write(server(), { ...plain, capacity: { sessions } });
    };
    await write(1);
    expect(applied.slice(1)).toEqual([{ ...plain, capacity: { sessions: 1 } }, plain]);
    await write(2);
    expect([applied.length, older]).toEqual([4, [['capacity']]]);
    now += 10 * 60_000;
    knows = ['hint', 'capacity'];
    await write(3);
    expect(applied.at(-1)).toEqual({ ...plain, capacity: { sessions: 3 } });
    knows = [];
    vi.mocked(cluster.apply).mockRejectedValueOnce(
      refusalError('apply', new ApiStatus(500, { reason: '', message: 'no leader' })),
    );
    await expect(write(4)).rejects.toMatchObject({ code: 'busy' });
  });

  it('is forgotten with its server', async () => {
    const gone = server();
    cluster.put(MCP_SERVERS, { metadata: { namespace: 'ns', name: 'other' }, spec: {} } as McpServer);
    const [, other] = cluster.list<McpServer>(MCP_SERVERS);
    for (const one of [gone, other!]) await writer.write(one, status());
    writer.keepOnly([other!]);
    expect([writer.last(gone), writer.last(other!)]).toEqual([undefined, status()]);
  });

  it('that another leader wrote is not written again', async () => {
    await writer.write(server(), status());
    cluster.calls.length = 0;
    await newWriter().write(server(), status());
    expect(cluster.calls).toEqual([]);
  });
});

describe('what was applied', () => {
  const object = (name: string) => ({ metadata: { namespace: 'ns', name } });

  it('is remembered for as long as somebody asks for it, and not for servers that are gone', async () => {
    const applier = new Applier(cluster, () => now);
    for (let round = 0; round < 30; round++) {
      await applier.apply(SECRETS, object('stays'));
      for (const one of ['a', 'b']) await applier.create(SECRETS, object(`${one}-${round}`));
      await applier.ensureAbsent(SECRETS, object(`c-${round}`));
      now += 10 * 60_000;
    }
    expect(applier.isFresh(SECRETS, object('c-0'))).toBe(false);
    expect(applier.size).toBeLessThan(3 * 5);
    cluster.calls.length = 0;
    await applier.apply(SECRETS, object('stays'));
    await applier.apply(SECRETS, object('stays'));
    expect(cluster.calls).toEqual(['apply secrets stays']);
  });
});

describe('events', () => {
  let recorder: EventRecorder;
  const events = (): (KubeObject & { reason?: string; type?: string; series?: { count: number } })[] =>
    cluster.list(EVENTS);

  beforeEach(() => {
    cluster.put(MCP_SERVERS, { metadata: { namespace: 'ns', name: 'demo' }, spec: {} } as McpServer);
    recorder = new EventRecorder({ api: cluster, instance: 'one', now: () => now });
  });

  it('tell of changes only, with the hint', async () => {
    await recorder.changed(server(), undefined, status());
    await recorder.changed(server(), status(), status({ sessions: 3 }));
    expect(events()).toMatchObject([
      { reason: 'Ready', type: 'Normal', regarding: { kind: 'MCPServer', name: 'demo' } },
    ]);
    await recorder.changed(
      server(),
      status(),
      status({ state: 'failed', reason: 'InstallFailed', hint: 'do this' }),
    );
    expect(events()[1]).toMatchObject({ type: 'Warning', note: expect.stringContaining('do this') });
  });

  it('that say the same again are counted, by whichever leader', async () => {
    const broken = status({ state: 'failed', reason: 'InstallFailed' });
    await recorder.changed(server(), undefined, broken);
    await recorder.changed(server(), undefined, broken);
    expect(events()).toHaveLength(1);
    const next = new EventRecorder({ api: cluster, instance: 'two', now: () => now });
    await next.changed(server(), undefined, broken);
    expect(events()).toHaveLength(1);
    expect(events()[0]!.series).toMatchObject({ count: 2 });
  });
});

describe('the key ring', () => {
  const target = { namespace: 'mcp', name: 'berth-keys' };
  const keys = (): { name: string; secret: string }[] => {
    const [secret] = cluster.list<KubeObject & { data: Record<string, string> }>(SECRETS);
    return JSON.parse(Buffer.from(secret!.data[RING_KEY]!, 'base64').toString()).keys;
  };
  const keep = () => keepKeyRing(cluster, target, { maxAgeMs: 90 * DAY, now });

  it('is made once, and kept', async () => {
    expect(await keep()).toBe('made');
    const first = keys();
    expect(await keep()).toBe('kept');
    expect(keys()).toEqual(first);
    expect(Buffer.from(first[0]!.secret, 'base64url')).toHaveLength(32);
  });

  it('gets a new key in time, and the one before still opens', async () => {
    await keep();
    const [first] = keys();
    now += 91 * DAY;
    expect(await keep()).toBe('rotated');
    const [second, ...older] = keys();
    expect(older).toEqual([first]);
    now += 91 * DAY;
    await keep();
    expect(keys().slice(1)).toEqual([second]);
  });

  it('is rotated by one of two', async () => {
    await keep();
    now += 91 * DAY;
    const [before] = cluster.list(SECRETS);
    await keep();
    const late = {
      get: async () => before as never,
      create: cluster.create.bind(cluster),
      replace: cluster.replace.bind(cluster),
    };
    await expect(keepKeyRing(late, target, { maxAgeMs: 90 * DAY, now })).rejects.toMatchObject({
      code: 'conflict',
    });
  });

  it('and the key of the tokens is the same for everybody', async () => {
    const secret = { namespace: 'mcp', name: 'berth-trees-key' };
    const first = await keepTreesKey(cluster, secret);
    expect(first).toHaveLength(32);
    expect(await keepTreesKey(cluster, secret)).toEqual(first);
  });
});
