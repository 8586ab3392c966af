import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiClient } from '../../src/cluster/api-client.ts';
import { REQUEST_LIMIT } from '../../src/cluster/api-transport.ts';
import { createReflector, type Reflector, type ReflectorOptions } from '../../src/cluster/reflector.ts';
import { type KubeObject, PODS } from '../../src/cluster/resources.ts';
import { STALL_LIMIT } from '../../src/cluster/watch-events.ts';
import type { BerthError } from '../../src/errors.ts';
import { calm, until } from '../link/waiting.ts';
import { ObjectServer } from './object-server.ts';
import { json, status } from './stand-in-api.ts';
import { WatchedClock } from './watched-clock.ts';

interface Thing extends KubeObject {
  readonly value?: unknown;
}

let server: ObjectServer;
let clock: WatchedClock;
let client: ApiClient;
let reflector: Reflector<Thing>;
let told: string[];
let faults: BerthError[];

beforeEach(async () => {
  server = await ObjectServer.start();
  clock = new WatchedClock();
  client = new ApiClient({ access: server.api.access(), clock, random: () => 0.5 });
  told = [];
  faults = [];
});
afterEach(async () => {
  await reflector.close();
  client.close();
  await server.api.close();
});

const label = (object: Thing): string =>
  `${object.metadata.name}${object.value === undefined ? '' : `=${object.value}`}`;
const start = (options: Partial<ReflectorOptions<Thing>> = {}): void => {
  reflector = createReflector<Thing>({
    client,
    resource: PODS,
    selection: { namespace: 'demo', labelSelector: 'app=berth' },
    handler: {
      added: (object) => told.push(`+${label(object)}`),
      modified: (object, before) => told.push(`${label(before)}>${label(object)}`),
      deleted: (object) => told.push(`-${label(object)}`),
    },
    clock,
    random: () => 0.5,
    onFault: (error) => faults.push(error),
    ...options,
  });
};
const watching = (count = 1): Promise<void> =>
  until(`watch ${count}`, () => server.watches.length >= count && server.open.length > 0);
const names = (): string[] => reflector.items.map(label).sort();
/** Waits between attempts, without the limits of requests and watches. */
const waits = (): number[] => clock.waits.filter((ms) => ms !== REQUEST_LIMIT && ms !== STALL_LIMIT);
/** Lets the next wait pass. */
const passWait = async (): Promise<void> => {
  await until('a wait', () => waits().length > 0);
  clock.advance(Math.min(...waits()));
};

describe('a reflector', () => {
  it('lists, then tells what changes', async () => {
    server.put('a', { value: 1 });
    start();
    await reflector.synced;
    expect(told).toEqual(['+a=1']);
    await watching();
    server.put('b');
    server.put('a', { value: 2 });
    server.remove('b');
    await until('the changes', () => told.length === 4);
    expect(told).toEqual(['+a=1', '+b', 'a=1>a=2', '-b']);
    expect(reflector.get({ namespace: 'demo', name: 'a' })).toMatchObject({ value: 2 });
    expect(reflector.get({ namespace: 'demo', name: 'b' })).toBeUndefined();
    expect(reflector.get({ name: 'a' })).toBeUndefined();
    expect(Object.fromEntries(server.lists[0] ?? [])).toEqual({ labelSelector: 'app=berth', limit: '500' });
    expect(Object.fromEntries(server.watches[0] ?? [])).toEqual({
      labelSelector: 'app=berth',
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: '101',
      timeoutSeconds: '450',
    });
  });

  it('ends its watches apart from those of others', async () => {
    for (const random of [0, 0.999]) {
      start({ random: () => random });
      await watching(server.watches.length + 1);
      await reflector.close();
    }
    expect(server.watches.map((query) => query.get('timeoutSeconds'))).toEqual(['300', '599']);
  });

  it('reads long lists page by page', async () => {
    const pages = ['a', 'b', 'c'];
    server.onList = (response, query) => {
      const at = Number(query.get('continue') ?? '0');
      const metadata = { resourceVersion: '70', ...(at < 2 ? { continue: String(at + 1) } : {}) };
      json(response, 200, { metadata, items: [{ metadata: { name: pages[at], resourceVersion: '1' } }] });
      return true;
    };
    start();
    await watching();
    expect(told).toEqual(['+a', '+b', '+c']);
    expect(server.watches[0]?.get('resourceVersion')).toBe('70');
  });

  it('reads a list in one piece whose pages have expired on the way', async () => {
    server.put('a');
    server.put('b');
    server.onList = (response, query) => {
      if (query.has('continue')) status(response, 410, 'Expired', 'the token is too old');
      else if (query.has('limit'))
        json(response, 200, { metadata: { continue: 'x', resourceVersion: '1' }, items: [] });
      else return false;
      return true;
    };
    start();
    await reflector.synced;
    expect(names()).toEqual(['a', 'b']);
    expect(server.lists).toHaveLength(3);
  });

  it('goes on where it was when a watch has had its time', async () => {
    start();
    await watching();
    server.put('a');
    server.remove('a');
    await until('the changes', () => told.length === 2);
    clock.advance(2_000);
    server.end();
    await watching(2);
    expect(server.watches[1]?.get('resourceVersion')).toBe('102');
    server.bookmark();
    await calm();
    server.end();
    await watching(3);
    expect(server.watches[2]?.get('resourceVersion')).toBe('103');
    expect(server.lists).toHaveLength(1);
    expect(faults).toEqual([]);
  });

  it('goes on where it was when a connection breaks', async () => {
    start();
    await watching();
    server.put('a');
    await until('the change', () => told.length === 1);
    server.api.cut();
    server.put('b');
    await passWait();
    await watching(2);
    await until('the other change', () => told.length === 2);
    expect(told).toEqual(['+a', '+b']);
    expect(server.lists).toHaveLength(1);
    expect(faults.map(({ code }) => code)).toEqual(['busy']);
  });

  it.each([
    ['the answer', undefined],
    ['an event', { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' }],
    ['an event without a code', { kind: 'Status', reason: 'Gone', message: 'too old' }],
  ])('lists anew when its position has expired, as %s says', async (_name, event) => {
    server.put('stays', { value: 1 });
    server.put('changes', { value: 1 });
    server.put('goes');
    start();
    await watching();
    told.length = 0;
    const [response] = server.open.splice(0);
    server.put('changes', { value: 2 });
    server.put('comes');
    server.remove('goes');
    server.compact();
    if (event) response?.write(`${JSON.stringify({ type: 'ERROR', object: event })}\n`);
    else {
      clock.advance(2_000);
      response?.end();
    }
    await until('another list', () => server.lists.length === 2);
    await watching(event ? 2 : 3);
    expect(told).toEqual(['-goes', 'changes=1>changes=2', '+comes']);
    expect(faults).toEqual([]);
  });

  it('does not list again and again when every position expires at once', async () => {
    server.onWatch = (response) => {
      status(response, 410, 'Expired', 'always');
      return true;
    };
    start();
    await until('two lists', () => server.lists.length === 2);
    await until('a wait', () => waits().length > 0);
    expect(waits()).toEqual([750]);
    await passWait();
    await until('the next list', () => server.lists.length === 3);
    await until('a longer wait', () => waits().length > 0);
    expect(waits()).toEqual([1_500]);
  });

  it('waits longer and longer for a watch that ends at once, a quarter of a minute at most', async () => {
    server.onWatch = (response) => {
      response.end();
      return true;
    };
    start();
    const seen: number[] = [];
    for (let round = 0; round < 9; round++) {
      await until('a wait', () => waits().length > 0);
      seen.push(...waits());
      await passWait();
    }
    expect(seen).toEqual([375, 750, 1_500, 3_000, 6_000, 11_250, 11_250, 11_250, 11_250]);
    expect(server.lists).toHaveLength(1);
  });

  it('waits as long as the server asks', async () => {
    server.onWatch = (response) => {
      response.setHeader('retry-after', '9');
      status(response, 429, 'TooManyRequests', 'later');
      return true;
    };
    start();
    await until('a wait', () => waits().length > 0);
    expect(waits()).toEqual([9_000]);
  });

  it('gives up a watch that falls silent, and goes on where it was', async () => {
    start();
    await watching();
    server.put('a');
    await until('the change', () => told.length === 1);
    clock.advance(STALL_LIMIT - 1);
    server.bookmark();
    await until('the bookmark', () => reflector.silence === 0);
    clock.advance(STALL_LIMIT - 1);
    expect(server.watches).toHaveLength(1);
    expect(reflector.silence).toBe(STALL_LIMIT - 1);
    clock.advance(1);
    await passWait();
    await watching(2);
    expect(server.watches[1]?.get('resourceVersion')).toBe('102');
    expect(faults.map(({ message }) => message)).toEqual(['a watch said nothing for 150 s']);
  });

  it('syncs as soon as it may, and says why it could not before', async () => {
    let allowed = false;
    server.onList = (response) => {
      if (!allowed) status(response, 403, 'Forbidden', 'not you');
      return !allowed;
    };
    server.put('a');
    start();
    await until('the refusal', () => faults.length === 1);
    allowed = true;
    await passWait();
    await reflector.synced;
    expect(faults).toMatchObject([{ code: 'cluster-refused', message: 'cannot list pods: not you' }]);
    expect(told).toEqual(['+a']);
  });

  it('tells of another object of the same name that the old one is gone', async () => {
    server.put('a', { value: 1 });
    start();
    await watching();
    server.put('a', { value: 2 }, 'another');
    await until('both', () => told.length === 3);
    expect(told).toEqual(['+a=1', '-a=1', '+a=2']);
  });

  it('tells nothing twice', async () => {
    server.put('a');
    start();
    await watching();
    const object = server.objects.get('a');
    server.send({ type: 'ADDED', object });
    server.send({ type: 'MODIFIED', object });
    server.send({ type: 'DELETED', object: { metadata: { name: 'never', resourceVersion: '9' } } });
    server.put('b');
    await until('the change', () => told.includes('+b'));
    expect(told).toEqual(['+a', '+b']);
  });

  it('goes on when a handler throws', async () => {
    start({
      handler: {
        added: (object) => {
          told.push(label(object));
          throw new Error('a fault of ours');
        },
      },
    });
    await watching();
    server.put('a');
    server.put('b');
    await until('both', () => told.length === 2);
    expect(faults).toMatchObject([{ code: 'internal' }, { code: 'internal' }]);
    expect(server.watches).toHaveLength(1);
  });
});

describe('what comes over a watch', () => {
  const TEXT = (() => {
    const object = (name: string, resourceVersion: string) => ({
      metadata: { name, namespace: 'demo', uid: name, resourceVersion },
      value: 'grüße € 🙂',
    });
    const events = [
      { type: 'ADDED', object: object('a', '201') },
      { type: 'MODIFIED', object: object('a', '202') },
      { type: 'ADDED', object: object('b', '203') },
    ];
    return Buffer.from(events.map((event) => `${JSON.stringify(event)}\n`).join('\r\n'));
  })();

  it('may be cut into any pieces', async () => {
    start();
    await watching();
    const [response] = server.open;
    for (const byte of TEXT) {
      response?.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until('all', () => told.length === 3);
    expect(names()).toEqual(['a=grüße € 🙂', 'b=grüße € 🙂']);
    expect(faults).toEqual([]);
  });

  it('may end at any byte', async () => {
    let cut = 0;
    server.onWatch = (response, query) => {
      if (query.get('resourceVersion') !== '100') return false;
      response.writeHead(200);
      response.end(TEXT.subarray(0, cut));
      return true;
    };
    for (; cut <= TEXT.length; cut += 1) {
      told.length = 0;
      server.watches.length = 0;
      start();
      const whole = TEXT.subarray(0, cut)
        .toString('utf8')
        .split('\n')
        .slice(0, -1)
        .filter((line) => line.trim() !== '').length;
      await until(
        'the events',
        () => told.length >= whole && (whole === 0 ? waits().length > 0 : server.watches.length > 1),
      );
      expect(told).toHaveLength(whole);
      expect(server.watches.at(1)?.get('resourceVersion')).toBe(
        whole === 0 ? undefined : String(200 + whole),
      );
      await reflector.close();
    }
  });

  it.each([
    'nonsense\n',
    'null\n',
    '[]\n',
    '7\n',
    '{}\n',
    '{"type":"ADDED"}\n',
    '{"type":"ADDED","object":null}\n',
    '{"type":"ADDED","object":{}}\n',
    '{"type":"LOST","object":{"metadata":{}}}\n',
    `{"type":"ADDED","object":"${'x'.repeat(17 * 1024 * 1024)}"}\n`,
  ])('is read anew when it is %.40s', async (text) => {
    start();
    await watching();
    server.send(text);
    await until('the fault', () => faults.length === 1);
    server.put('a');
    await passWait();
    await until('the list', () => told.length === 1);
    expect(faults).toMatchObject([{ code: 'internal' }]);
    expect(server.lists).toHaveLength(2);
  });

  it('may be an error that passes', async () => {
    start();
    await watching();
    server.send({ type: 'ERROR', object: { code: 500, message: 'etcd is away' } });
    await passWait();
    await watching(2);
    expect(faults).toMatchObject([{ code: 'busy', message: expect.stringContaining('etcd is away') }]);
    expect(server.lists).toHaveLength(1);
  });
});

describe('a reflector that is closed', () => {
  it('tells nothing any more, however it is closed', async () => {
    start();
    await watching();
    const closing = reflector.close();
    server.put('a');
    await closing;
    await reflector.close();
    await until('the end of the watch', () => server.open.length === 0);
    expect(told).toEqual([]);
    await expect(reflector.synced).resolves.toBeUndefined();
  });

  it('has never synced when its list never came', async () => {
    server.onList = () => true;
    start();
    await until('the list', () => server.lists.length === 1);
    await reflector.close();
    await expect(reflector.synced).rejects.toThrow('closed');
    expect(faults).toEqual([]);
  });

  it('does not wait for its next attempt', async () => {
    server.onWatch = (response) => {
      response.end();
      return true;
    };
    start();
    await until('a wait', () => waits().length > 0);
    await reflector.close();
    expect(clock.waits).toEqual([]);
  });
});

it('ends up with what is there, whatever breaks on the way', async () => {
  start();
  await reflector.synced;
  const model = new Map<string, string>();
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * below);
  };
  for (let round = 0; round < 600; round++) {
    const name = `n${random(12)}`;
    if (random(3) === 0) {
      server.remove(name);
      model.delete(name);
    } else {
      server.put(name, { value: round });
      model.set(name, `${name}=${round}`);
    }
    const event = random(40);
    if (event === 0) server.api.cut();
    if (event === 1) server.end();
    if (event === 2) server.compact();
    if (event === 3) server.send('junk\n');
    if (event < 8) await new Promise((resolve) => setTimeout(resolve, random(3)));
    if (waits().length > 0) clock.advance(Math.min(...waits()));
  }
  const wanted = [...model.values()].sort();
  await until('the same picture', () => {
    if (waits().length > 0) clock.advance(Math.min(...waits()));
    return JSON.stringify(names()) === JSON.stringify(wanted);
  });
  // What was told adds up to the same.
  const added = told.filter((line) => line.startsWith('+')).length;
  const removed = told.filter((line) => line.startsWith('-')).length;
  expect(added - removed).toBe(model.size);
});
