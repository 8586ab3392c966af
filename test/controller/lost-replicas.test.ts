/** Replicas that their node has ended: told once, each with its reason and what can be done. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { McpServer } from '../../src/cluster/mcp-server.ts';
import type { Pod, PodStatus } from '../../src/cluster/objects/pod-types.ts';
import { EVENTS, PODS } from '../../src/cluster/resources.ts';
import { observe } from '../../src/controller/cluster-api.ts';
import { EventRecorder } from '../../src/controller/event-recorder.ts';
import { LostReplicas } from '../../src/controller/lost-replicas.ts';
import type { PodWarnings } from '../../src/controller/pod-warnings.ts';
import { FakeCluster } from '../support/fake-cluster.ts';
import { ServerWorld } from '../support/server-world.ts';

const NOW = Date.parse('2026-11-27T12:00:00Z');

let cluster: FakeCluster;
let replicas: LostReplicas;

beforeEach(() => {
  cluster = new FakeCluster();
  const now = (): number => NOW;
  replicas = new LostReplicas({ events: new EventRecorder({ api: cluster, instance: 'one', now }), now });
});

const tell = (lost: readonly Pod[]): Promise<void> =>
  replicas.tell(server, lost, new AbortController().signal);

const server = { metadata: { name: 'demo', namespace: 'servers', uid: 'u-1' } } as McpServer;

function lost(name: string, status: PodStatus = {}, at = '2026-11-27T11:59:00Z'): Pod {
  const conditions = [{ type: 'Ready', status: 'False', lastTransitionTime: at }];
  return {
    metadata: { name, uid: `uid-${name}` },
    status: { phase: 'Failed', conditions, ...status },
  } as Pod;
}

const notes = (): string[] => (cluster.list(EVENTS) as unknown as { note: string }[]).map(({ note }) => note);

it('is told once, and the next one beside it', async () => {
  const full = lost('a', {
    reason: 'Evicted',
    message: 'Usage of EmptyDir volume "tmp" exceeds the limit "1Gi". ',
  });
  for (let look = 0; look < 3; look++) await tell([full]);
  expect(cluster.list(EVENTS)).toMatchObject([
    {
      type: 'Warning',
      reason: 'ReplicaLost',
      regarding: { kind: 'MCPServer', name: 'demo', uid: 'u-1' },
      note: expect.stringMatching(
        /^replica a was lost with its sessions \(Evicted\): Usage of EmptyDir volume "tmp" exceeds the limit "1Gi"\. — It wrote more/,
      ),
    },
  ]);
  await tell([full, lost('b')]);
  expect(notes()).toHaveLength(2);
  expect(notes()[1]).toMatch(/^replica b .*\(PodFailed\)/);
});

it('is no news after an hour, as when another controller has just begun to lead', async () => {
  await tell([lost('old', {}, '2026-11-27T10:59:00Z')]);
  const terminated = { exitCode: 137, finishedAt: '2026-11-27T11:30:00Z' };
  const ended = [{ name: 'workload', ready: false, restartCount: 0, state: { terminated } }];
  await tell([lost('newer', { conditions: [], containerStatuses: ended })]);
  expect(notes()).toEqual([expect.stringContaining('replica newer ')]);
});

it('is forgotten with its pod, and with its server', async () => {
  await tell([lost('a')]);
  await tell([]);
  replicas.keepOnly([]);
  await tell([lost('a')]);
  // The same words again are counted.
  expect(notes()).toHaveLength(1);
});

describe('what can be done', () => {
  it.each([
    [
      'Evicted',
      'Pod ephemeral local storage usage exceeds the total limit of containers 1Gi.',
      /servers\.scratchSize/,
    ],
    [
      'Evicted',
      'The node was low on resource: memory. Threshold quantity: 100Mi.',
      /spec\.resources\.requests/,
    ],
    ['Preempting', 'Preempted in order to admit critical pod', /higher priority/],
    ['Terminated', 'Pod was terminated in response to imminent node shutdown.', /shut down/],
    ['OutOfcpu', 'Node did not have enough resource: cpu', /Another pod takes its place/],
  ])('%s: %s', async (reason, message, hint) => {
    await tell([lost('a', { reason, message })]);
    expect(notes()).toEqual([expect.stringMatching(hint)]);
  });
});

it('is one as well whose programs ended with 0 when the node told them to', async () => {
  const condition = {
    ...{ type: 'DisruptionTarget', status: 'True', reason: 'TerminationByKubelet' },
    ...{
      message: 'Usage of EmptyDir volume "tmp" exceeds the limit "32Mi".',
      lastTransitionTime: '2026-11-27T11:59:00Z',
    },
  };
  await tell([lost('a', { phase: 'Succeeded', conditions: [condition] })]);
  expect(notes()).toEqual([
    expect.stringMatching(/\(TerminationByKubelet\): Usage of EmptyDir .* — It wrote more/),
  ]);
});

it('has its reason in an Event of its node alone, where its status says only that its programs ended', async () => {
  const asked: string[] = [];
  const now = (): number => NOW;
  const warnings: PodWarnings = {
    newest: async ({ metadata }, _signal, reasons) => {
      asked.push(metadata.name ?? '');
      const note = 'Usage of EmptyDir volume "tmp" exceeds the limit "32Mi".';
      return reasons?.has('Evicted') ? { reason: 'Evicted', note } : undefined;
    },
  };
  const events = new EventRecorder({ api: cluster, instance: 'one', now });
  replicas = new LostReplicas({ events, now, warnings });
  await tell([lost('a', { phase: 'Succeeded' }), lost('b', { reason: 'Terminated', message: 'shut down' })]);
  expect(asked).toEqual(['a']);
  expect(notes()).toEqual([
    expect.stringMatching(/^replica a .*\(Evicted\): Usage of EmptyDir .* — It wrote more/),
    expect.stringMatching(/^replica b .*\(Terminated\): shut down/),
  ]);
});

it('are those that are over, and none that somebody deleted', async () => {
  const world = new ServerWorld();
  world.apply({ source: { image: { image: 'ghcr.io/acme/mcp:1', entrypoint: ['/mcp'] } } });
  await world.settle();
  world.putPod('gone', world.deployment, { phase: 'Failed', reason: 'Evicted' });
  world.putPod('done', world.deployment, { phase: 'Succeeded' });
  const [running] = world.replicas;
  const deleted = { ...running?.metadata, name: 'deleted', deletionTimestamp: '2026-11-27T11:59:00Z' };
  world.cluster.put(PODS, { ...running, metadata: deleted, status: { phase: 'Failed' } } as Pod);
  const { lost: seen, pods } = observe(world.view, world.server.metadata.uid ?? '');
  expect(seen.map(({ metadata }) => metadata.name)).toEqual(['gone', 'done']);
  expect(pods.map(({ metadata }) => metadata.name)).not.toContain('gone');
});
