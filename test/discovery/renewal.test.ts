import { expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { keepMirrors } from '../../src/discovery/mirror/renewal.ts';
import type { RegistryStatus } from '../../src/discovery/registries.ts';

const HOUR = 3_600_000;

function rig() {
  const clock = new ManualClock();
  const state = { all: [] as RegistryStatus[], synced: [] as string[], faults: [] as string[], fails: false };
  const registries = {
    list: async () => state.all,
    sync: async (name: string) => {
      state.synced.push(name);
      if (state.fails) throw new Error('down');
      state.all = state.all.map((one) =>
        one.name === name ? { name, url: one.url, servers: 1, ageSeconds: 0 } : one,
      );
      return { kind: 'full', resumed: false, pages: 1, changed: 0, removed: 0, total: 1 } as const;
    },
  };
  const start = () =>
    keepMirrors({ registries, clock, every: HOUR, onFault: (name) => void state.faults.push(name) });
  return { clock, state, start };
}

const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
};
const registry = (name: string, more: Partial<RegistryStatus> = {}): RegistryStatus => ({
  ...{ name, url: 'https://registry.example.com/' },
  ...more,
});

it('mirrors that are not there, too old or unfinished are renewed at once, the others when their time comes', async () => {
  const { clock, state, start } = rig();
  state.all = [
    registry('new'),
    registry('old', { servers: 1, ageSeconds: 3_600 }),
    registry('half', { servers: 1, ageSeconds: 5, unfinishedPages: 3 }),
    registry('fresh', { servers: 1, ageSeconds: 5 }),
  ];
  const stop = start();
  await settled();
  expect(state.synced).toEqual(['new', 'old', 'half']);
  state.all = state.all.map((one) => ({ ...one, ageSeconds: 3_700 }));
  clock.advance(HOUR / 10);
  await settled();
  expect(state.synced).toHaveLength(7);
  stop();
  state.all = state.all.map((one) => ({ ...one, ageSeconds: 9_999 }));
  clock.advance(HOUR);
  await settled();
  expect(state.synced).toHaveLength(7);
});

it('one that fails is told of, keeps nobody else from it, and is tried again', async () => {
  const { clock, state, start } = rig();
  state.all = [registry('a'), registry('b')];
  state.fails = true;
  const stop = start();
  await settled();
  expect(state.faults).toEqual(['a', 'b']);
  state.fails = false;
  clock.advance(HOUR / 10);
  await settled();
  expect(state.synced).toEqual(['a', 'b', 'a', 'b']);
  stop();
});
