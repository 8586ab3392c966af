import { describe, expect, it } from 'vitest';
import { HeldRequests } from '../../src/auth/held-requests.ts';
import type { KeyStore } from '../../src/auth/keys.ts';

function start(good: Set<string>) {
  let change = (): void => {};
  const keys = {
    onChange: (listener: () => void) => {
      change = listener;
    },
  } as unknown as KeyStore;
  const held = new HeldRequests(keys, (authorization) => good.has(authorization));
  const ended: string[] = [];
  return {
    ended,
    change: () => change(),
    hold: (authorization: string, name: string) => held.hold(authorization, () => ended.push(name)),
  };
}

describe('requests held by their key', () => {
  it('end once, with their key only, unless they have left before: first, last and between', () => {
    const good = new Set(['a', 'b']);
    const { hold, change, ended } = start(good);
    const cancels = Array.from({ length: 6 }, (_, at) => hold(at % 2 === 0 ? 'a' : 'b', `${at}`));
    for (const at of [0, 5, 2]) {
      cancels[at]?.();
      cancels[at]?.();
    }
    change();
    expect(ended).toEqual([]);
    good.delete('a');
    change();
    expect(ended).toEqual(['4']);
    good.delete('b');
    change();
    change();
    expect(ended.toSorted()).toEqual(['1', '3', '4']);
    cancels[1]?.();
    hold('a', 'late');
    change();
    expect(ended.at(-1)).toBe('late');
  });

  it('may end or leave while others are ended', () => {
    const good = new Set<string>();
    const { hold, change, ended } = start(good);
    const cancels: (() => void)[] = [];
    for (const name of ['x', 'y', 'z']) cancels.push(hold('a', name));
    change();
    for (const cancel of cancels) cancel();
    expect(ended.toSorted()).toEqual(['x', 'y', 'z']);
    change();
    expect(ended).toHaveLength(3);
  });
});
