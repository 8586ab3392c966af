/** Features of calls that do not end as they should: given up, left behind, lost on the way. */
import { expect } from 'vitest';
import { SINGLE_GRACE } from '../../../src/sessions/session.ts';
import { open } from '../../support/http-client.ts';
import { eventually } from '../../support/local-process.ts';
import type { StreamableClient } from '../../support/streamable-client.ts';
import type { LegacyMatrixClient } from '../legacy-client.ts';
import { type MatrixClient, type Running, textOf } from '../matrix-client.ts';
import type { OutcomeName } from '../outcomes.ts';
import { type Probes, soFar } from '../probe.ts';
import type { Scene } from '../scene.ts';

const WAIT = 'test_wait';
const CANCELLED = `cancelled ${WAIT}`;
const SLOW = 'test_tool_with_progress';

/** Process ids that serve the clients of a scene's server. */
function processes({ gateway, name }: Scene): Set<number> {
  const sessions = gateway.host.sessions(gateway.ids.get(name) ?? '');
  return new Set(sessions.flatMap((session) => session.processes.map(({ pid }) => pid)));
}

async function untilCancelled(client: MatrixClient, times: number): Promise<void> {
  await eventually('the tool is cancelled', async () => (await soFar(client, CANCELLED)) === times);
}

/** The call is still there: it can be cancelled now. */
async function goesOn(client: MatrixClient, running: Running): Promise<void> {
  const before = await soFar(client, CANCELLED);
  await running.cancel();
  await untilCancelled(client, before + 1);
}

/** Nothing to resume from, no stream to resume, and the call is cancelled. */
async function lost(scene: Scene, running: Running): Promise<OutcomeName> {
  const client = await scene.client();
  const before = await soFar(client, CANCELLED);
  expect(running.eventId).toBeUndefined();
  await running.vanish();
  await untilCancelled(client, before + 1);
  const headers = { accept: 'text/event-stream', 'mcp-protocol-version': '2026-07-28' };
  const response = await open(`${scene.base}/mcp`, { headers });
  expect(response.status).toBe(405);
  response.close();
  return 'lost-answer';
}

/** The rest of the call comes to a client that says where it was; one that cannot repeats its request. */
async function found(client: LegacyMatrixClient, running: Running): Promise<void> {
  const { inner } = client;
  if (
    running.eventId === undefined ||
    (await (inner as StreamableClient).get(running.eventId)).status !== 200
  )
    void inner.send(running.text);
  await answered(client, running);
}

async function answered({ inner }: LegacyMatrixClient, running: Running): Promise<void> {
  const { id } = JSON.parse(running.text) as { id: string };
  const { message } = await inner.inbox.answer(JSON.stringify(id));
  expect(textOf(message)).toBe('Reported three steps');
}

/** A cancellation is taken, and the call is answered. */
async function unnamed(client: LegacyMatrixClient): Promise<OutcomeName> {
  const running = await client.begin(SLOW);
  await running.cancel();
  await answered(client, running);
  return 'unnamed';
}

/** Cancellation, clients that vanish, answers that get lost. */
export const lostFeatures: Probes = {
  'cancelling a call': async (scene) => {
    if (scene.kind === 'stateless') return unnamed((await scene.connect()) as LegacyMatrixClient);
    const client = await scene.client();
    const before = await soFar(client, CANCELLED);
    await (await client.begin(WAIT)).cancel();
    await untilCancelled(client, before + 1);
    return 'works';
  },

  'a client that vanishes during its call': async (scene) => {
    const client = await scene.client();
    const cancelled = await soFar(client, CANCELLED);
    const known = processes(scene);
    const finished = await soFar(client, `finished ${SLOW}`);
    const other = await scene.connect();
    const running = await other.begin(scene.kind === 'stateless' ? SLOW : WAIT);
    const [own = 0] = [...processes(scene)].filter((pid) => !known.has(pid));
    await running.vanish();
    if (scene.kind === 'modern') {
      await untilCancelled(client, cancelled + 1);
      return 'works';
    }
    if (scene.kind === 'stateless') {
      const soon = async () => (await soFar(client, `finished ${SLOW}`)) > finished;
      await eventually('it is carried out to its end', soon);
      return 'goes-on';
    }
    if (scene.transport === 'streamable-http') {
      await goesOn(other, running);
      return 'kept';
    }
    expect(own).toBeGreaterThan(0);
    if (scene.transport === 'sse') scene.clock.advance(SINGLE_GRACE);
    await eventually('its process is gone', () => !processes(scene).has(own));
    return 'session-ends';
  },

  'an answer that was lost on its way': async (scene) => {
    if (scene.kind === 'modern') return lost(scene, await (await scene.connect()).begin(WAIT));
    const client = (await scene.connect()) as LegacyMatrixClient;
    const before = await soFar(client, `begun ${SLOW}`);
    const running = await client.begin(SLOW);
    if (scene.transport !== 'streamable-http') {
      expect(running.eventId).toBeUndefined();
      return 'no-resume';
    }
    await running.vanish();
    await found(client, running);
    const runs = (await soFar(client, `begun ${SLOW}`)) - before;
    if (scene.kind === 'legacy') {
      expect(runs).toBe(1);
      return 'works';
    }
    expect(runs).toBe(2);
    await eventually(
      'both have finished',
      async () => (await soFar(client, `finished ${SLOW}`)) >= before + 2,
    );
    return 'gone';
  },
};
