/** What is heard of the servers of a group, by a clock that is moved by hand. */
import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { parseGroup } from '../../src/groups/group-spec.ts';
import { type ChangedList, GroupWatches } from '../../src/groups/group-watch.ts';
import { Groups } from '../../src/groups/groups.ts';
import { SqliteGroupStore } from '../../src/store/group-store.ts';

const CALLER = { id: 'local', digest: 'local' };
const ALL = ['tools', 'prompts', 'resources'];

interface Stream {
  readonly aborted: () => boolean;
  readonly acknowledge: () => void;
  readonly changed: (list: string) => void;
  readonly end: () => Promise<void>;
}

let clock: ManualClock;
let streams: Stream[];
let up: boolean;
let heard: ChangedList[];
let stop: () => void;
beforeEach(() => {
  clock = new ManualClock();
  streams = [];
  up = true;
  heard = [];
  const groups = new Groups(new SqliteGroupStore(':memory:'));
  groups.create(parseGroup({ name: 'one', servers: ['first'] }));
  const watches = new GroupWatches({
    groups,
    clock,
    isUp: () => up,
    ask: ({ onNotification, signal }) => {
      const { promise, reject } = Promise.withResolvers<never>();
      streams.push({
        aborted: () => signal?.aborted === true,
        acknowledge: () => onNotification?.('notifications/subscriptions/acknowledged', {}),
        changed: (list) => onNotification?.(`notifications/${list}/list_changed`, {}),
        end: async () => {
          reject(new Error('the server was ended'));
          await turn();
        },
      });
      return promise;
    },
  });
  stop = watches.watch({ group: 'one', caller: CALLER }, (list) => heard.push(list));
});

const newest = (): Stream => streams.at(-1) as Stream;

describe('a server that starts anew between two looks at its state', () => {
  beforeEach(async () => {
    newest().acknowledge();
    clock.advance(60_000);
    await newest().end();
    clock.advance(1_000);
  });

  it('is listened to again, and everything may have changed meanwhile', () => {
    expect(streams.length).toBe(2);
    expect(heard).toEqual([]);
    newest().acknowledge();
    expect(heard).toEqual(ALL);
    newest().changed('tools');
    expect(heard).toEqual([...ALL, 'tools']);
  });

  it('is told of once when it turns out to be down for a while', () => {
    up = false;
    clock.advance(1_000);
    expect(heard).toEqual(ALL);
    up = true;
    clock.advance(1_000);
    expect(heard).toEqual([...ALL, ...ALL]);
    newest().acknowledge();
    expect(heard).toEqual([...ALL, ...ALL]);
  });

  it('is asked more and more rarely while it ends each stream', async () => {
    const at: number[] = [];
    for (let count = streams.length; clock.now() < 300_000; clock.advance(1_000)) {
      if (streams.length > count) at.push(clock.now());
      count = streams.length;
      newest().acknowledge();
      await newest().end();
    }
    const waits = at.slice(1).map((now, index) => now - (at[index] as number));
    expect(waits.slice(0, 6)).toEqual([2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  });
});

it('leaves a server that tells of no changes alone for a while, and makes nothing up', async () => {
  await newest().end();
  clock.advance(29_000);
  expect(streams.length).toBe(1);
  clock.advance(1_000);
  expect(streams.length).toBe(2);
  expect(heard).toEqual([]);
});

it('ends what it listens to when nobody listens', () => {
  newest().acknowledge();
  stop();
  expect(newest().aborted()).toBe(true);
});
