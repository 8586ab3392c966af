/** A node that is drained under live sessions. Only pods of this test are evicted; the node takes pods again whatever comes of it. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SERVER_LABEL } from '../../src/cluster/objects/naming.ts';
import { requestText } from '../support/mcp-client.ts';
import type { SseClient } from '../support/sse-client.ts';
import { StreamableClient } from '../support/streamable-client.ts';
import { session, TRANSPORTS } from '../support/transports.ts';
import type { WsClient } from '../support/ws-client.ts';
import { eventually } from './support/cluster.ts';
import { figure, since } from './support/figures.ts';
import { recorded, recorderSpec, timesOf } from './support/recorder.ts';
import { type RunningRelease, startRelease, steady } from './support/release.ts';
import { runBeside } from './support/tools.ts';

const LONGEST = 300_000;

let release: RunningRelease;

beforeAll(async () => {
  release = await startRelease();
  await release.run(recorderSpec('drained'));
}, LONGEST);
afterAll(() => release?.close(), LONGEST);

it('a drained node ends its sessions with an error, and they are opened anew where there is room', {
  timeout: LONGEST,
}, async () => {
  const base = release.serverUrl('drained');
  const options = { key: release.key };
  const clients = await Promise.all(TRANSPORTS.map((transport) => session(transport, base, options)));
  const [streamable, sse, ws] = clients as [StreamableClient, SseClient, WsClient];
  void streamable.send(requestText('"held"', 'tools/call', { name: 'hold', arguments: { key: 'held' } }));
  await eventually('the call', async () => (await recorded(ws)).executions.includes('held'));
  const [pod] = await release.serverPods('drained');
  const node = (pod as { spec?: { nodeName?: string } } | undefined)?.spec?.nodeName ?? '';
  const drained = performance.now();
  try {
    // A pod that is evicted has its own drain of 5 s in which sessions may end by themselves.
    const which = `--pod-selector=${SERVER_LABEL}=drained`;
    const draining = runBeside('kubectl', ['drain', node, which, '--delete-emptydir-data', '--timeout=120s']);
    const answer = (await streamable.inbox.answer('"held"')).message;
    figure('a drained node: the call in flight fails after (drain: 5 s)', since(drained));
    expect(answer.error?.code).toEqual(expect.any(Number));
    await Promise.all([sse.ended, ws.closed]);
    figure('a drained node: SSE and WebSocket connections end after', since(drained));
    await draining;
    figure('a drained node: kubectl drain is done after', since(drained));
    await eventually('an unknown session', async () => {
      return (await streamable.send(requestText('"late"', 'ping'))) === 404;
    });
    // With one node there is no room: new sessions are told so, not left waiting.
    const refused = new StreamableClient(`${base}/mcp`, options);
    expect((await refused.initialize()).message.error).toMatchObject({ data: { code: 'busy' } });
  } finally {
    await runBeside('kubectl', ['uncordon', node]);
  }
  const next = await steady('a new session', async () => {
    const client = new StreamableClient(`${base}/mcp`, options);
    return (await client.initialize()).message.error === undefined ? client : undefined;
  });
  figure('a drained node: a new session, once it takes pods again, after', since(drained));
  expect(timesOf((await recorded(next)).executions, ['held'])).toEqual({ held: 0 });
  await next.close();
});
