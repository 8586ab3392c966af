/** A pod whose containers cannot be made yet: what it waits for, told by the cluster's warnings about it. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { McpServerSpec } from '../../src/cluster/mcp-server.ts';
import type { PodStatus } from '../../src/cluster/objects/pod-types.ts';
import type { Resource } from '../../src/cluster/resources.ts';
import { createPodWarnings } from '../../src/controller/pod-warnings.ts';
import { BerthError } from '../../src/errors.ts';
import { NAMESPACE, ServerWorld } from '../support/server-world.ts';

const SCRIPT: McpServerSpec = {
  source: { script: { runtime: 'node', configMapRef: { name: 'programs', key: 'demo.mjs' } } },
  secrets: [
    { name: 'TOKEN', secretKeyRef: { name: 'vendor', key: 'token' } },
    { name: 'OTHER', secretKeyRef: { name: 'spare', key: 'other' } },
  ],
  configMaps: [{ name: 'REGION', configMapKeyRef: { name: 'places', key: 'region' } }],
};

/** As kubelet reports a pod whose volumes it cannot set up. */
const HELD_UP: PodStatus = {
  phase: 'Pending',
  conditions: [
    { type: 'PodScheduled', status: 'True' },
    { type: 'PodReadyToStartContainers', status: 'False' },
  ],
  containerStatuses: [
    { name: 'workload', ready: false, restartCount: 0, state: { waiting: { reason: 'ContainerCreating' } } },
  ],
};
const LONG = 5_000;

let world: ServerWorld;
beforeEach(async () => {
  world = new ServerWorld();
  world.apply(SCRIPT);
  await world.look();
  world.runPods(HELD_UP, false);
  world.time += LONG;
});

const warn = (note: string, reason = 'FailedMount'): void => {
  world.warning = { reason, note };
};

it.each([
  ['a Secret', 'secret "vendor" not found', 'Secret vendor'],
  ['a key of a Secret', 'references non-existent secret key: token', 'key token of Secret vendor'],
  ['a ConfigMap', 'configmap "places" not found', 'ConfigMap places'],
  [
    'a key of a ConfigMap',
    'configmap references non-existent config key: demo.mjs',
    'key demo.mjs of ConfigMap programs',
  ],
  [
    'several',
    '[secret "vendor" not found, references non-existent secret key: other, configmap "places" not found]',
    'Secret vendor, key other of Secret spare and ConfigMap places',
  ],
])('waits for %s, and says for which', async (_what, note, missing) => {
  warn(`MountVolume.SetUp failed for volume "secrets" : ${note}`);
  const { status, again } = await world.outcome();
  expect(status).toMatchObject({
    ...{ state: 'pending', reason: 'ReferenceMissing', phase: 'spawn' },
    message: `demo waits for ${missing}`,
    hint: expect.stringMatching(new RegExp(`namespace ${NAMESPACE}.*by itself`)),
  });
  expect(status.conditions.find(({ type }) => type === 'Degraded')).toMatchObject({
    ...{ status: 'True', reason: 'ReferenceMissing', message: expect.stringContaining(missing) },
  });
  // What a Secret for servers needs beside its value.
  expect(status.hint?.includes('berth.dev/usable=true')).toBe(/^Secret /.test(missing));
  // Nothing of the pod changes meanwhile.
  expect(again).toBeGreaterThan(0);
  world.warning = undefined;
  world.runPods();
  const { hint, ...started } = await world.look();
  expect([started.state, hint]).toEqual(['running', undefined]);
});

it('waits for what a container of its own is to be given, in the same words', async () => {
  const waiting = {
    reason: 'CreateContainerConfigError',
    message: `couldn't find key token in Secret x/vendor`,
  };
  const containerStatuses = [{ name: 'server', ready: false, restartCount: 0, state: { waiting } }];
  world.runPods({ phase: 'Pending', containerStatuses }, false);
  const words = {
    state: 'pending',
    reason: 'ReferenceMissing',
    message: 'demo waits for key token of Secret vendor',
  };
  expect(await world.look()).toMatchObject(words);
});

it('tells anything else that holds a pod up as the cluster says it', async () => {
  warn('failed to assign an address', 'FailedCreatePodSandBox');
  expect(await world.look()).toMatchObject({
    ...{ state: 'pending', reason: 'FailedCreatePodSandBox', message: 'failed to assign an address' },
    hint: expect.stringContaining('kubectl describe pod'),
  });
});

it('asks for no warnings of a pod that is just being started, that has its containers, or that is being ended', async () => {
  warn('secret "vendor" not found');
  world.asked.length = 0;
  world.runPods(HELD_UP, false);
  const { status, again } = await world.outcome();
  expect([status.state, world.asked]).toEqual(['starting', []]);
  expect(again).toBeGreaterThan(0);
  world.time += LONG;
  const started = [{ type: 'PodReadyToStartContainers', status: 'True' }];
  world.runPods({ ...HELD_UP, conditions: started }, false);
  world.time += LONG;
  expect(await world.look()).toMatchObject({ state: 'starting' });
  expect(world.asked).toEqual([]);
});

describe('warnings', () => {
  const event = (reason: string, note: string, at: string) => ({
    metadata: { name: note },
    ...{ reason, note, deprecatedLastTimestamp: at },
  });
  const pod = { metadata: { namespace: NAMESPACE, uid: 'u1' } };
  const never = new AbortController().signal;

  it('are those of the one pod about what comes before its containers, and the newest counts', async () => {
    const asked: unknown[] = [];
    const items = [
      event('FailedMount', 'old', '2026-11-25T12:00:00Z'),
      event('FailedMount', 'new\n', '2026-11-25T12:00:09Z'),
      event('Unhealthy', 'newest', '2026-11-25T12:00:10Z'),
    ];
    const list = async (kind: Resource, options: object) => {
      asked.push(kind.plural, options);
      return { items, resourceVersion: '1' } as never;
    };
    const faults: BerthError[] = [];
    const warnings = createPodWarnings({ list }, (fault) => faults.push(fault));
    expect(await warnings.newest(pod, never)).toEqual({ reason: 'FailedMount', note: 'new' });
    const fieldSelector = 'regarding.uid=u1,type=Warning';
    expect(asked).toEqual(['events', expect.objectContaining({ namespace: NAMESPACE, fieldSelector })]);
    expect(faults).toEqual([]);
  });

  it('that cannot be read are none, and that is told', async () => {
    const faults: BerthError[] = [];
    const list = (): Promise<never> => Promise.reject(new BerthError('not-allowed', 'events is forbidden'));
    const warnings = createPodWarnings({ list }, (fault) => faults.push(fault));
    expect(await warnings.newest(pod, never)).toBeUndefined();
    expect(faults.map(({ message }) => message)).toEqual(['events is forbidden']);
  });
});
