/** Which replica serves what: the same one on every gateway, and few move when replicas come and go (data-path.md 5.4). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Link } from '../../src/link/link.ts';
import { createReplicaRouter, type Replica } from '../../src/link/router.ts';

function link(): Link {
  return { conversation: () => expect.unreachable('a router sends nothing'), close: () => Promise.resolve() };
}

function replicas(names: readonly string[]): Replica[] {
  return names.map((name) => ({ name, link: link() }));
}

function routerOf(list: readonly Replica[]) {
  const router = createReplicaRouter();
  router.set('s', list);
  return router;
}

const NAMES = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 6 });
const KEYS = fc.array(fc.string(), { minLength: 1, maxLength: 30 });

describe('a key', () => {
  it('goes to one of the replicas, whatever order each gateway lists them in', () => {
    fc.assert(
      fc.property(NAMES, KEYS, (names, keys) => {
        const list = replicas(names);
        const [one, other] = [routerOf(list), routerOf([...list].reverse())];
        for (const key of keys) {
          const chosen = one.route('s', key);
          expect(names).toContain(chosen?.replica);
          expect(other.route('s', key)).toEqual(chosen);
          expect(chosen?.link).toBe(one.replica('s', chosen?.replica ?? ''));
        }
      }),
    );
  });

  it('moves only to a replica that comes, and only from a replica that goes', () => {
    fc.assert(
      fc.property(NAMES, KEYS, (names, keys) => {
        const [last = '', ...rest] = names;
        if (rest.length === 0) return;
        const [all, fewer] = [routerOf(replicas(names)), routerOf(replicas(rest))];
        for (const key of keys) {
          const before = all.route('s', key)?.replica;
          if (before !== last) expect(fewer.route('s', key)?.replica).toBe(before);
        }
      }),
    );
  });

  it('is spread over the replicas', () => {
    const router = routerOf(replicas(['a', 'b', 'c', 'd']));
    const counts = new Map<string, number>();
    for (let key = 0; key < 4_000; key++) {
      const name = router.route('s', `key-${key}`)?.replica ?? '';
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    expect(counts.size).toBe(4);
    for (const count of counts.values()) expect(count).toBeGreaterThan(800);
  });

  it('of one server says nothing of another', () => {
    const router = routerOf(replicas(['a', 'b', 'c']));
    router.set('t', replicas(['a', 'b', 'c']));
    const keys = Array.from({ length: 100 }, (_, at) => String(at));
    const routes = (server: string) => keys.map((key) => router.route(server, key)?.replica);
    expect(routes('s')).not.toEqual(routes('t'));
  });
});

it('a server without replicas has no route, and an unknown replica no link', () => {
  const router = routerOf(replicas(['a']));
  expect(router.route('unknown', 'k')).toBeUndefined();
  expect(router.replica('s', 'b')).toBeUndefined();
  router.set('s', []);
  expect(router.route('s', 'k')).toBeUndefined();
  expect(router.replica('s', 'a')).toBeUndefined();
});
