/** The parts of a release that can be lost, one after the other, under live sessions and calls in flight: the same by either carrier. */
import { beforeAll, expect, it } from 'vitest';
import type { ModernCall } from '../../support/modern-client.ts';
import type { SseClient } from '../../support/sse-client.ts';
import type { StreamableClient } from '../../support/streamable-client.ts';
import { session } from '../../support/transports.ts';
import { figure, since } from './figures.ts';
import { recorded, recorderSpec, timesOf } from './recorder.ts';
import { type ReleasePod, type RunningRelease, steady } from './release.ts';
import { killNode, nodesIn, restartsOf } from './release-kill.ts';
import { errorOf, keyedCall, PATIENCE, resend, ServerClients } from './server-clients.ts';
import { runBeside } from './tools.ts';

const LONGEST = 300_000;
/** Milliseconds. The last ten seconds of it are for ending what has not ended by itself; the rest is the sessions'. */
const DRAIN = 13_000;

/** Registers the tests; the release has one gateway. */
export function lostPartsCases(releaseOf: () => RunningRelease): void {
  let release: RunningRelease;
  let server: ServerClients;

  beforeAll(async () => {
    release = releaseOf();
    server = new ServerClients(release, 'counted');
    await release.run(recorderSpec(server.name, { limits: { drain: DRAIN } }));
  }, LONGEST);

  /** A call in flight of a session, of an SSE connection and of a modern client, under `PREFIX-session`, `-sse` and `-modern`. */
  async function inFlight(prefix: string) {
    const [client, watcher] = [await server.opened(), await server.opened()];
    const sse = (await session('sse', server.base, server.options)) as SseClient;
    const keys = ['session', 'sse', 'modern'].map((kind) => `${prefix}-${kind}`);
    client.send(keyedCall('hold', `${prefix}-session`)).catch(() => 'what it goes through is lost');
    void sse.send(keyedCall('hold', `${prefix}-sse`));
    const modern = server.heldModern(`${prefix}-modern`);
    await server.executed(watcher, keys);
    const once = Object.fromEntries(keys.map((key) => [key, 1]));
    return { client, watcher, sse, modern, keys, once, before: await recorded(client) };
  }

  it('a killed gateway: sessions go on when it is back, and what was in flight is found by repeating the POST', {
    timeout: LONGEST,
  }, async () => {
    const { client, watcher, sse, modern, keys, once, before } = await inFlight('gateway');
    const [pod] = await release.pods('gateway');
    await killNode(pod as ReleasePod, 'gateway');
    const killed = performance.now();
    await Promise.all([sse.ended, expect(modern.answer()).rejects.toThrow()]);
    const repeated = resend(client, keyedCall('hold', 'gateway-session'));
    await steady('the gateway again', async () => {
      const [now] = await release.pods('gateway');
      const isReady = now?.status.containerStatuses?.every(({ ready }) => ready) ?? false;
      return now && restartsOf(now, 'gateway') > 0 && isReady ? true : undefined;
    });
    await resend(watcher, keyedCall('record', 'gateway-after'));
    await watcher.toolText('release', { keys: ['gateway-session'] });
    expect((await client.inbox.answer('"gateway-session"')).text).toContain('gateway-session');
    await repeated;
    figure('network: the call is answered after its gateway was killed', since(killed));
    await steady('the cancellation of the modern call', async () =>
      (await server.modernRecord()).cancelled.length === 1 ? true : undefined,
    );
    figure('network: the modern call of the killed gateway is cancelled after', since(killed));
    const after = await recorded(client);
    expect(after.pid).toBe(before.pid);
    expect(timesOf(after.executions, keys)).toEqual(once);
    const again = await session('sse', server.base, server.options);
    expect((await again.tool('record', { key: 'again' })).text).toContain('again');
    await Promise.all([client, watcher, again].map((one) => one.close()));
  });

  it('a killed supervisor: calls fail with a reason, sessions are unknown from then on, and new ones work', {
    timeout: LONGEST,
  }, async () => {
    const { client, watcher, sse, modern, keys, once } = await inFlight('supervisor');
    await killNode(await server.pod(), 'supervisor');
    const killed = performance.now();
    const errors = [errorOf(client, 'supervisor-session'), modernError(modern)] as const;
    await sse.ended;
    expect(await Promise.all(errors)).toEqual([definite, definite]);
    figure('network: calls fail after their supervisor was killed', since(killed));
    await unknown(client, 'supervisor-late');
    await unknown(watcher, 'supervisor-late');
    const next = await server.openedAgain();
    figure('network: a new session after a killed supervisor', since(killed));
    const { executions } = await recorded(next);
    expect(timesOf(executions, [...keys, 'supervisor-late'])).toEqual({ ...once, 'supervisor-late': 0 });
    const pod = await server.pod();
    expect([restartsOf(pod, 'supervisor'), restartsOf(pod, 'workload')]).toEqual([1, 0]);
    await steady('no process without a session', async () =>
      (await nodesIn(pod, 'workload', 'server.mjs')).length === 1 ? true : undefined,
    );
    await next.close();
  });

  it.each([
    ['a pod that is deleted goes on for its drain: then', 'deleted', []],
    ['a pod that is deleted by force:', 'forced', ['--grace-period=0', '--force']],
  ] as const)(
    '%s calls fail with a reason, sessions are unknown, and the next one serves',
    {
      timeout: LONGEST,
    },
    async (_, what, how) => {
      const { client, watcher, sse, modern, keys, once } = await inFlight(what);
      const pod = await server.pod();
      const where = ['-n', release.servers, 'delete', 'pod', pod.metadata.name ?? ''];
      const deleted = performance.now();
      await runBeside('kubectl', [...where, '--wait=false', ...how]);
      const errors = [errorOf(client, `${what}-session`), modernError(modern)] as const;
      if (what === 'deleted') {
        expect((await sse.tool('record', { key: 'draining' })).text).toContain('draining');
        expect(timesOf((await recorded(watcher)).executions, keys)).toEqual(once);
      }
      expect(await Promise.all(errors)).toEqual([definite, definite]);
      figure(`network: calls of a pod that is ${what} fail after`, since(deleted));
      await sse.ended;
      const next = await server.openedAgain();
      figure(`network: a pod that is ${what}: a new session, on the next pod, after`, since(deleted));
      await unknown(client, `${what}-late`);
      // What the pod that is gone has executed is not executed by the next one.
      const late = [...keys, `${what}-late`];
      expect(timesOf((await recorded(next)).executions, late)).toEqual(
        Object.fromEntries(late.map((key) => [key, 0])),
      );
      await next.close();
    },
  );
}

const definite = expect.objectContaining({ code: expect.any(Number), message: expect.any(String) });

async function modernError(call: ModernCall): Promise<unknown> {
  return (await call.answer(PATIENCE)).message.error;
}

/** Resolves once the session of the client is unknown. */
async function unknown(client: StreamableClient, key: string): Promise<void> {
  await steady('an unknown session', async () =>
    (await client.send(keyedCall('record', key))) === 404 ? true : undefined,
  );
}
