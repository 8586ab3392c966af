/** Features with which a server tells its client something unasked: logs, changes. */
import { expect } from 'vitest';
import type { Message } from '../../support/inbox.ts';
import { type Call, callTool, type MatrixClient, Refused, type Watch } from '../matrix-client.ts';
import type { OutcomeName } from '../outcomes.ts';
import { type Probes, refusal } from '../probe.ts';
import type { Scene } from '../scene.ts';

const LOG = 'notifications/message';
const WATCHED = 'test://watched-resource';
const LISTS = ['tools', 'prompts', 'resources'] as const;
const CHANGED = {
  tools: 'test_trigger_tool_change',
  prompts: 'test_trigger_prompt_change',
  resources: 'test_trigger_resource_change',
} as const;

function dataOf(messages: readonly Message[]): unknown[] {
  return messages.filter(({ method }) => method === LOG).map(({ params }) => params?.data);
}

/** The logs of a call: modern ones have come with it, legacy ones may come behind it. */
async function logsOf(client: MatrixClient, call: () => Promise<Call>, count: number): Promise<unknown[]> {
  if (client.era === 'modern') return dataOf((await call()).notified);
  const watch = await client.watch();
  await call();
  const logs: Message[] = [];
  while (logs.length < count) logs.push(await watch.next(LOG));
  return [...dataOf(logs), ...dataOf(watch.waiting)];
}

/** Opens a watch; a refusal is an outcome. */
async function watching(
  scene: Scene,
  uri: string | undefined,
  use: (client: MatrixClient, watch: Watch) => Promise<OutcomeName>,
): Promise<OutcomeName> {
  const client = await scene.client();
  try {
    const watch = await client.watch(uri);
    try {
      return await use(client, watch);
    } finally {
      await watch.close();
    }
  } catch (error) {
    if (error instanceof Refused && [-32601, 405].includes(error.code)) return 'no-session';
    throw error;
  }
}

/** Logs, list changes, subscriptions. */
export const noticeFeatures: Probes = {
  'log messages, from the level that the client wants': async (scene) => {
    const client = await scene.client();
    const set = await client.setLevel('error');
    if (set?.error) return refusal(set, { [-32601]: 'no-session' });
    const errors = () => callTool(client, 'test_logging_tool', { level: 'error' });
    expect(await logsOf(client, errors, 1)).toEqual(['a fault']);
    await client.setLevel('info');
    const infos = () => callTool(client, 'test_tool_with_logging', { level: 'info' });
    expect(await logsOf(client, infos, 3)).toEqual(['started', 'working', 'finished']);
    return 'works';
  },

  'log messages of calls that run at once': async (scene) => {
    const client = await scene.client();
    const set = await client.setLevel('info');
    if (set?.error) return refusal(set, { [-32601]: 'no-session' });
    const other = await client.begin('test_wait', { level: 'info' });
    const logged = () => callTool(client, 'test_tool_with_logging', { level: 'info' });
    const logs = await logsOf(client, logged, 3);
    await other.cancel();
    if (logs.length === 0) return 'one-at-a-time';
    expect(logs).toEqual(['started', 'working', 'finished']);
    return 'works';
  },

  'changes of the lists': async (scene) =>
    watching(scene, undefined, async (client, watch) => {
      for (const list of LISTS) {
        await callTool(client, CHANGED[list]);
        await watch.next(`notifications/${list}/list_changed`);
      }
      return 'works';
    }),

  'subscriptions to a resource': async (scene) =>
    watching(scene, WATCHED, async (client, watch) => {
      await callTool(client, 'test_trigger_resource_update');
      expect((await watch.next('notifications/resources/updated')).params).toMatchObject({ uri: WATCHED });
      await watch.close();
      await callTool(client, 'test_trigger_resource_update');
      expect(watch.waiting).toEqual([]);
      return 'works';
    }),
};
