/** A node that is drained under live sessions. Only pods of this test are evicted; the node takes pods again whatever comes of it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SERVER_LABEL } from '../../src/cluster/objects/naming.ts';
import { requestText } from '../support/mcp-client.ts';
import { ModernHttpClient } from '../support/modern-client.ts';
import type { SseClient } from '../support/sse-client.ts';
import { StreamableClient } from '../support/streamable-client.ts';
import { session, TRANSPORTS } from '../support/transports.ts';
import type { WsClient } from '../support/ws-client.ts';
import { eventually } from './support/cluster.ts';
import { figure, since } from './support/figures.ts';
import { recorded, recorderSpec, timesOf } from './support/recorder.ts';
import { type RunningRelease, startRelease } from './support/release.ts';
import { errorOf, keyedCall, PATIENCE } from './support/server-clients.ts';
import { runBeside } from './support/tools.ts';

const LONGEST = 300_000;

let node = '';

async function uncordon(): Promise<void> {
  await runBeside('kubectl', ['uncordon', node]);
}

describe.each(['exec', 'network'] as const)('by %s', (carrier) => {
  let release: RunningRelease;

  beforeAll(async () => {
    release = await startRelease({ link: { carrier } });
    await release.run(recorderSpec('drained'));
  }, LONGEST);
  afterAll(async () => {
    // Of a test that ran out of time nothing else puts the cluster back.
    if (node !== '') await uncordon();
    await release?.close();
  }, LONGEST);

  it('a drained node ends its sessions with an error, and they are opened anew where there is room', {
    timeout: LONGEST,
  }, async () => {
    const base = release.serverUrl('drained');
    const options = { key: release.key };
    const clients = await Promise.all(TRANSPORTS.map((transport) => session(transport, base, options)));
    const [streamable, sse, ws] = clients as [StreamableClient, SseClient, WsClient];
    const modern = new ModernHttpClient(`${base}/mcp`, options);
    const keys = ['held', 'held-sse', 'held-ws', 'held-modern'];
    for (const [index, one] of [streamable, sse, ws].entries())
      void one.send(keyedCall('hold', keys[index] ?? ''));
    const modernCall = modern.start('tools/call', { name: 'hold', arguments: { key: 'held-modern' } });
    await eventually('the calls', async () => {
      const { executions } = await recorded(ws);
      return keys.every((key) => executions.includes(key));
    });
    const [pod] = await release.serverPods('drained');
    node = (pod as { spec?: { nodeName?: string } } | undefined)?.spec?.nodeName ?? '';
    const next = new StreamableClient(`${base}/mcp`, options);
    const drained = performance.now();
    let waiting: Promise<unknown> = Promise.resolve();
    try {
      const which = `--pod-selector=${SERVER_LABEL}=drained`;
      const draining = runBeside('kubectl', [
        'drain',
        node,
        which,
        '--delete-emptydir-data',
        '--timeout=120s',
      ]);
      const errors = await Promise.all([
        ...[streamable, sse, ws].map((one, index) => errorOf(one, keys[index] ?? '')),
        modernCall.answer(PATIENCE).then(({ message }) => message.error),
      ]);
      figure(
        `${carrier}: a drained node: calls in flight fail after`,
        `${since(drained)}: ${JSON.stringify(errors)}`,
      );
      for (const error of errors)
        expect(error).toMatchObject({ code: expect.any(Number), message: expect.any(String) });
      await Promise.all([sse.ended, ws.closed]);
      figure(`${carrier}: a drained node: SSE and WebSocket connections end after`, since(drained));
      await draining;
      figure(`${carrier}: a drained node: kubectl drain is done after`, since(drained));
      // Where there is no other node there is no room: a new session waits for a replica, for a minute at most.
      waiting = next.initialize();
    } finally {
      await uncordon();
    }
    const roomy = performance.now();
    await waiting;
    expect(next.session).toBeDefined();
    figure(`${carrier}: a drained node: a session that waited for room is there after`, since(roomy));
    expect(await streamable.send(requestText('"late"', 'ping'))).toBe(404);
    expect(await modern.tool('record', { arguments: { key: 'next' } })).toMatchObject({
      result: { content: [{ text: 'next' }] },
    });
    const { executions } = await recorded(next);
    expect(timesOf(executions, keys)).toEqual(Object.fromEntries(keys.map((key) => [key, 0])));
    await next.close();
  });
});
