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
import { type RunningRelease, startRelease } from './support/release.ts';
import { runBeside } from './support/tools.ts';

const LONGEST = 300_000;

let release: RunningRelease;
let node = '';

beforeAll(async () => {
  release = await startRelease();
  await release.run(recorderSpec('drained'));
}, LONGEST);
afterAll(async () => {
  // Of a test that ran out of time nothing else puts the cluster back.
  if (node !== '') await uncordon();
  await release?.close();
}, LONGEST);

async function uncordon(): Promise<void> {
  await runBeside('kubectl', ['uncordon', node]);
}

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
  node = (pod as { spec?: { nodeName?: string } } | undefined)?.spec?.nodeName ?? '';
  const next = new StreamableClient(`${base}/mcp`, options);
  const drained = performance.now();
  let waiting: Promise<unknown> = Promise.resolve();
  try {
    const which = `--pod-selector=${SERVER_LABEL}=drained`;
    const draining = runBeside('kubectl', ['drain', node, which, '--delete-emptydir-data', '--timeout=120s']);
    const { error } = (await streamable.inbox.answer('"held"')).message;
    figure('a drained node: the call in flight fails after', `${since(drained)}: ${JSON.stringify(error)}`);
    expect(error?.code).toEqual(expect.any(Number));
    await Promise.all([sse.ended, ws.closed]);
    figure('a drained node: SSE and WebSocket connections end after', since(drained));
    await draining;
    figure('a drained node: kubectl drain is done after', since(drained));
    // Where there is no other node there is no room: a new session waits for a replica, for a minute at most.
    waiting = next.initialize();
  } finally {
    await uncordon();
  }
  const roomy = performance.now();
  await waiting;
  expect(next.session).toBeDefined();
  figure('a drained node: a session that waited for room is there after', since(roomy));
  expect(await streamable.send(requestText('"late"', 'ping'))).toBe(404);
  expect(timesOf((await recorded(next)).executions, ['held'])).toEqual({ held: 0 });
  await next.close();
});
