/** What the data plane remembers of servers that it has woken. */
import { expect, it } from 'vitest';
import { Changes } from '../../../src/cluster/gateway/changes.ts';
import { ServerDirectory } from '../../../src/cluster/gateway/server-directory.ts';
import type { McpServer } from '../../../src/cluster/mcp-server.ts';
import { WatchedClock } from '../watched-clock.ts';

const asleep = (name: string): McpServer => ({
  metadata: { name, uid: `uid-${name}`, generation: 1 },
  spec: { template: 'memory', replicas: 0 },
});

it('a server that was woken is forgotten when it is gone', async () => {
  const there = new Map<string, McpServer>();
  const woken: (string | undefined)[] = [];
  const clock = new WatchedClock();
  const replicas = { isCallable: () => false, of: () => [], reach: () => {}, whenAway: () => {} };
  const changes = new Changes(clock);
  const view = {
    ...{ changes, replicas },
    server: (name: string) => there.get(name),
    get servers() {
      return [...there.values()];
    },
  } as never;
  const directory = new ServerDirectory({
    ...{ view, clock, behavior: () => undefined, read: async () => undefined },
    wake: async ({ metadata }) => void woken.push(metadata.name),
  });
  const call = async (name: string): Promise<void> => {
    there.set(name, asleep(name));
    const leaving = new AbortController();
    const waiting = directory.find(name)?.awaited?.(leaving.signal);
    leaving.abort(new Error('left'));
    await expect(waiting).rejects.toThrow('left');
  };
  await call('first');
  await call('first');
  expect(woken).toEqual(['first']);
  there.delete('first');
  await call('second');
  await call('first');
  expect(woken).toEqual(['first', 'second', 'first']);
});
