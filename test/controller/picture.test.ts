/** The controller's picture, and what it does at once when a pod goes: nobody waits for an answer that cannot come. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { ApiClient } from '../../src/cluster/api-client.ts';
import type { Pod } from '../../src/cluster/objects/pod-types.ts';
import { createLinkProbe } from '../../src/controller/link-probe.ts';
import { type WatchedPicture, watchPicture } from '../../src/controller/picture.ts';
import { BerthError } from '../../src/errors.ts';
import { MemoryCluster } from '../cluster-unit/gateway/memory-cluster.ts';
import { until } from '../link/waiting.ts';

let cluster: MemoryCluster;
let client: ApiClient;
let picture: WatchedPicture;
let changed: string[];

/** Links whose questions are answered by nothing but their end. */
const probe = createLinkProbe({
  now: Date.now,
  // No look is over before them.
  clock: new ManualClock(),
  open: () => {
    const answer = Promise.withResolvers<unknown>();
    return {
      conversation: () => {
        throw new Error('nothing is called');
      },
      ask: () => answer.promise,
      close: async () => answer.reject(new BerthError('busy', 'the link is closed')),
    };
  },
});

beforeEach(async () => {
  cluster = await MemoryCluster.start();
  client = new ApiClient({ access: cluster.api.access() });
  changed = [];
  picture = watchPicture({
    client,
    namespace: 'demo',
    onChange: ({ metadata }) => changed.push(`${metadata.name}`),
    onPodGone: () => probe.keepOnly(picture.pods),
    onFault: () => {},
  });
  await picture.synced;
});
afterEach(async () => {
  await picture.close();
  await probe.close();
  client.close();
  await cluster.close();
});

it('gives up what a pod was asked when it goes, and nothing of those that stay', async () => {
  const labels = { 'app.kubernetes.io/managed-by': 'berth', 'berth.dev/server-uid': 'server' };
  for (const name of ['goes', 'stays'])
    cluster.put('pods', { metadata: { name, labels }, spec: {}, status: { phase: 'Running' } });
  await until('both', () => picture.pods.length === 2);
  const of = (name: string): Pod => picture.pods.find(({ metadata }) => metadata.name === name) as Pod;
  const answers: string[] = [];
  const signal = new AbortController().signal;
  for (const name of ['goes', 'stays']) void probe.report(of(name), signal).then(() => answers.push(name));
  cluster.remove('pods', 'goes');
  await until('the end of the wait', () => answers.length > 0);
  expect(answers).toEqual(['goes']);
  expect(changed.filter((name) => name === 'goes').length).toBeGreaterThan(1);
});
