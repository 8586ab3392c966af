/** A release of an older version upgraded to this one and rolled back: both versions of the gateway serve the same sessions meanwhile. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requestText } from '../support/mcp-client.ts';
import { ModernHttpClient } from '../support/modern-client.ts';
import { StreamableClient } from '../support/streamable-client.ts';
import { ASKING, KEEPING, KEPT_STATE } from './support/asking-servers.ts';
import { eventually } from './support/cluster.ts';
import { figure, since } from './support/figures.ts';
import { IMAGES } from './support/images.ts';
import { leaveForLater } from './support/left-for-later.ts';
import { HAS_PREVIOUS, openPrevious, type PreviousVersion, WHY_NOT } from './support/previous.ts';
import { recorded, recorderSpec, timesOf } from './support/recorder.ts';
import {
  imagesValues,
  type ReleasePod,
  type RunningRelease,
  startRelease,
  steady,
} from './support/release.ts';
import { type LoadReport, look, startLoad } from './support/rolling-load.ts';
import { CHART, runBeside } from './support/tools.ts';

const LOAD = 6;
/** Seconds. Servers without sessions are rolled meanwhile: a call that an old pod has is answered by it, other than with ten or less. */
const DRAIN = 30;
const LONGEST = 300_000;

interface Gateway {
  readonly pod: ReleasePod;
  readonly image: string;
  readonly url: string;
}

interface Asked {
  /** As the client got it. */
  readonly state: string;
  readonly content: unknown;
  readonly error: unknown;
}

if (!HAS_PREVIOUS) console.info(WHY_NOT);
describe.runIf(HAS_PREVIOUS)('an upgrade from an older version', () => {
  let previous: PreviousVersion;
  let release: RunningRelease;
  /**
   * A session of the older version, for as long as both tests take. A server that has none is rolled by whichever version leads, were it
   * only for the moment between the tests; sessions that begin just then end with the drain of the pod that they were given.
   */
  let kept: { readonly client: StreamableClient; readonly pid: number };
  let isUpgraded = false;

  beforeAll(async () => {
    previous = openPrevious();
    release = await startRelease({ servers: { defaults: { drainSeconds: DRAIN } } }, previous);
    await release.run(recorderSpec('each', { limits: { sessions: 100 } }));
    for (const [name, code] of Object.entries({ asking: ASKING, keeping: KEEPING }))
      await release.run({ name, source: { script: { runtime: 'node', code } } });
  }, LONGEST);
  afterAll(async () => {
    await release?.close();
    previous?.close();
  }, LONGEST);

  /** Ready ones of both versions. */
  async function gateways(): Promise<{ readonly older: Gateway[]; readonly newer: Gateway[] }> {
    const all = (await release.pods('gateway')).filter(
      ({ metadata, status }) =>
        !metadata.deletionTimestamp && status.containerStatuses?.every(({ ready }) => ready),
    );
    const of = (image: string): Gateway[] =>
      all
        .filter(({ spec }) => spec.containers.some((container) => container.image.endsWith(image)))
        .map((pod) => ({ pod, image, url: release.gatewayUrl(pod) }));
    return { older: of(previous.images.gateway), newer: of(IMAGES.gateway) };
  }

  const client = (server: string, base = release.url): StreamableClient =>
    new StreamableClient(`${release.serverUrl(server, base)}/mcp`, { key: release.key });
  // A connection that the Service still gives to a gateway which is about to end is cut: then there is another one.
  const opened = (server: string): Promise<StreamableClient> =>
    steady('a new session', async () => {
      const one = client(server);
      const answer = await one.initialize().catch(() => undefined);
      return answer?.message.result && one;
    });
  /** The same session through another gateway. */
  function moved(from: StreamableClient, server: string, base: string): StreamableClient {
    const next = client(server, base);
    next.session = from.session;
    return next;
  }
  const call = (key: string, name: string, args: object, more: object = {}): string =>
    requestText(`"${key}"`, 'tools/call', { name, arguments: args, ...more });
  const rollout = (...args: string[]): Promise<string> =>
    runBeside('kubectl', [
      ...['-n', release.namespace, 'rollout', args[0] ?? '', `deployment/${release.name}-gateway`],
      ...args.slice(1),
    ]);

  /** Calls on and on through the Service, repeating a POST as it was when its connection breaks, until it is stopped. */
  async function underLoad(work: () => Promise<void>): Promise<void> {
    const clients = await Promise.all(Array.from({ length: LOAD }, () => opened('each')));
    const pids = await Promise.all(clients.map(async (one) => (await look(one)).pid));
    const load = startLoad(Math.random().toString(36).slice(2), { sessions: clients });
    let report: LoadReport | undefined;
    try {
      await work();
    } finally {
      report = await load.end();
    }
    const { keys, repeats, cut } = report;
    // What a gateway had read before it was to end was answered by it.
    expect(cut).toEqual([]);
    const after = await Promise.all(clients.map(look));
    expect(after.map(({ pid }) => pid)).toEqual(pids);
    const once = Object.fromEntries(keys.map((key) => [key, 1]));
    expect(timesOf(after[0]?.executions ?? [], keys)).toEqual(once);
    figure('calls meanwhile', `${keys.length}, none lost, none run twice, ${repeats} POSTs were repeated`);
    await Promise.all(clients.map((one) => one.close()));
  }

  /** A call that asks its client, made through one gateway and gone on with through another one. */
  async function askAcross(server: string, from: Gateway, to: Gateway): Promise<Asked> {
    const at = ({ url }: Gateway): ModernHttpClient =>
      new ModernHttpClient(`${release.serverUrl(server, url)}/mcp`, {
        key: release.key,
        capabilities: { elicitation: {} },
      });
    const first = await at(from).tool('ask');
    const pending = { resultType: 'input_required', requestState: expect.any(String) };
    expect(first).toMatchObject({ result: pending });
    const asked = first.result ?? {};
    const state = String(asked.requestState);
    const names = Object.keys(asked.inputRequests as object);
    const response = { action: 'accept', content: { name: 'Ada' } };
    const inputResponses = Object.fromEntries(names.map((name) => [name, response]));
    const { result, error } = await at(to).tool('ask', { inputResponses, requestState: state });
    return { state, content: result?.content, error };
  }

  /** A modern server's own state, which leaves sealed: what one version gave out the other one takes. */
  async function stateAcross(from: Gateway, to: Gateway): Promise<void> {
    const { state, content, error } = await askAcross('keeping', from, to);
    expect(error).toBeUndefined();
    expect(content).toEqual([{ type: 'text', text: 'Ada' }]);
    expect(state).not.toBe(KEPT_STATE);
  }

  async function acrossVersions(from: Gateway, to: Gateway): Promise<void> {
    const one = client('each', from.url);
    await one.initialize();
    const { pid } = await recorded(one);
    const other = moved(one, 'each', to.url);
    expect((await recorded(other)).pid).toBe(pid);
    // An event that one version sent is where the other one goes on.
    const key = `held-${from.pod.metadata.name}`;
    void one.send(call(key, 'hold', { key }, { _meta: { progressToken: key } }));
    const { eventId } = await one.inbox.method('notifications/progress');
    expect((await other.get(eventId)).status).toBe(200);
    const again = other.send(call(`again-${key}`, 'release', { keys: [key] }));
    expect((await other.inbox.answer(`"${key}"`)).text).toContain(key);
    expect(await again).toBe(200);
    // A POST that one version took and the other one gets again runs once.
    const repeated = call(`twice-${key}`, 'record', { key: `twice-${key}`, ms: 1_000 });
    const answers = [one, other].map((each) => each.inbox.answer(`"twice-${key}"`));
    // Who asked last gets the answer: the other one's response may end without.
    await Promise.allSettled([one.send(repeated), other.send(repeated)]);
    expect((await Promise.any(answers)).text).toContain(`twice-${key}`);
    const { executions } = await recorded(other);
    expect(timesOf(executions, [key, `twice-${key}`])).toEqual({ [key]: 1, [`twice-${key}`]: 1 });
    expect((await askAcross('asking', from, to)).content).toEqual([{ type: 'text', text: 'Ada' }]);
    await stateAcross(from, to);
    await other.close();
  }

  it(
    'serves the same sessions with both versions, and loses and repeats no call',
    async () => {
      const older = await opened('each');
      kept = { client: older, pid: (await look(older)).pid };
      const values = JSON.stringify({ images: imagesValues(IMAGES) });
      const began = performance.now();
      await underLoad(async () => {
        await rollout('pause');
        await runBeside(
          'helm',
          ['upgrade', release.name, CHART, '-n', release.namespace, '--reset-then-reuse-values', '-f', '-'],
          values,
        );
        // The first new one comes before an older one goes.
        await rollout('resume');
        await eventually('a gateway of this version', async () => {
          const pods = await release.pods('gateway');
          return pods.some(({ spec }) => spec.containers.some(({ image }) => image.endsWith(IMAGES.gateway)));
        });
        await rollout('pause');
        const mixed = await steady('gateways of both versions', async () => {
          const { older, newer } = await gateways();
          return older[0] && newer[0] ? { older: older[0], newer: newer[0] } : undefined;
        });
        await acrossVersions(mixed.older, mixed.newer);
        await acrossVersions(mixed.newer, mixed.older);
        // Made by the controller of this version, with its supervisor.
        leaveForLater('mcpservers made-later');
        await release.run(recorderSpec('made-later'));
        for (const { url } of [mixed.older, mixed.newer]) {
          const one = client('made-later', url);
          await one.initialize();
          expect((await recorded(one)).executions).toEqual([]);
          await one.close();
        }
        await rollout('resume');
        await rollout('status', '--timeout=240s');
        await eventually('the end of the older ones', async () => (await gateways()).older.length === 0);
      });
      figure('gateways of the older version are replaced, with the look at both', since(began));
      expect((await look(kept.client)).pid).toBe(kept.pid);
      isUpgraded = true;
    },
    LONGEST,
  );

  it(
    'rolls back under the sessions of the newer version',
    async () => {
      expect(isUpgraded).toBe(true);
      const newer = await opened('each');
      const { pid } = await look(newer);
      const later = await opened('made-later');
      const began = performance.now();
      await underLoad(async () => {
        await release.helm('rollback', '1');
        await rollout('status', '--timeout=240s');
        await eventually('the end of the newer ones', async () => (await gateways()).newer.length === 0);
      });
      figure('gateways of the newer version are replaced by those of the older one', since(began));
      expect((await look(newer)).pid).toBe(pid);
      expect((await look(kept.client)).pid).toBe(kept.pid);
      // Its pod has the newer supervisor.
      expect((await look(later)).executions).toEqual([]);
      await Promise.all([kept.client, newer, later].map((one) => one.close()));
    },
    LONGEST,
  );
});
