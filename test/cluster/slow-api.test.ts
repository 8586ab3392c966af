/** An API server that is slow, or asks everybody to wait: a gateway's program and a controller reach it through a hop that does so. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClusterAccess } from '../../src/cluster/access.ts';
import { MCP_SERVERS } from '../../src/cluster/resources.ts';
import { type ClusterGateway, spawnClusterGateway } from '../support/cluster-gateway.ts';
import { StreamableClient } from '../support/streamable-client.ts';
import { eventually } from './support/cluster.ts';
import { type ClusterWorld, openWorld, smallServer, untilState } from './support/cluster-world.ts';
import { type Fault, type FaultProxy, openFaultProxy, type SeenRequest } from './support/fault-proxy.ts';
import { figure, since, spread } from './support/figures.ts';
import { leaveForLater } from './support/left-for-later.ts';
import { startCalls } from './support/steady-calls.ts';

/** Milliseconds of the slowest answer; every hundredth comes about that late, half of them in a quarter of it. */
const SLOWEST = 5_000;
/** Seconds that the API server asks to wait. */
const RETRY_AFTER = 2;
/** Milliseconds for which it refuses everything. */
const REFUSING = 8_000;
/** Names that nobody has, asked for at one time. */
const STRANGERS = 300;
/** Requests of one program that may be under way at one time. */
const MOST_AT_ONCE = 16;
const MOST_TRIES = 3;
const LONGEST = 300_000;

let world: ClusterWorld;
let folder: string;
let gateway: ClusterGateway;
/** Of the gateway and of the controller. */
let [before, behind]: [FaultProxy, FaultProxy] = [] as never;

beforeAll(async () => {
  const through = async (real: ClusterAccess): Promise<ClusterAccess> => {
    behind = await openFaultProxy(real);
    return behind.access;
  };
  world = await openWorld({}, { through });
  before = await openFaultProxy(world.access);
  folder = mkdtempSync(join(tmpdir(), 'berth-slow-'));
  const kubeconfig = join(folder, 'kubeconfig.json');
  writeFileSync(kubeconfig, before.kubeconfig);
  gateway = await spawnClusterGateway({ kubeconfig, namespace: world.namespace });
  gateway.writeKeys();
  for (const name of ['steady', 'leaving']) await world.apply(name, smallServer('1'));
  for (const name of ['steady', 'leaving']) await untilState(world, name, 'running');
  await eventually(`readiness; ${gateway.output}`, async () => (await gateway.probe('/readyz')) === 200);
}, LONGEST);
afterAll(async () => {
  await gateway?.close();
  await world?.close();
  for (const hop of [before, behind]) hop?.close();
  rmSync(folder, { recursive: true, force: true });
}, LONGEST);

const everywhere = (fault: (request: SeenRequest) => Fault): void => {
  for (const hop of [before, behind]) {
    hop.fault = fault;
    hop.seen.length = 0;
    hop.most = 0;
    // Even what was being watched has to be asked for again.
    hop.cutWatches();
  }
};
const well = (): Fault => ({});

interface Answer {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly text: string;
}

async function ask(path: string, method = 'GET', body?: object): Promise<Answer> {
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  const answer = await fetch(`${gateway.url}${path}`, {
    ...{ method, headers },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: answer.status, retryAfter: answer.headers.get('retry-after'), text: await answer.text() };
}

const PING = { jsonrpc: '2.0', id: 1, method: 'ping' };
const strangers = (about: (name: string) => Promise<Answer>): Promise<Answer[]> =>
  Promise.all(Array.from({ length: STRANGERS }, (_, at) => about(`nobody-${at}`)));
const spec = (name: string) => ({ name, ...smallServer('1') });
const clientOf = (name: string): StreamableClient =>
  new StreamableClient(`${gateway.url}/servers/${name}/mcp`);

async function canBeCalled(name: string): Promise<void> {
  let client = clientOf(name);
  // A busy machine may take longer than one request waits.
  for (let tries = 1; (await client.initialize()).message.error !== undefined; tries++) {
    expect(tries).toBeLessThan(MOST_TRIES);
    client = clientOf(name);
  }
  expect(await client.toolText('whoami')).toContain('"version":"1"');
  await client.close();
}

/** Nothing of it is there any more, as the gateway sees it and in the cluster. */
async function isGone(name: string): Promise<void> {
  await eventually(`the end of ${name}`, async () => (await world.pods(name)).length === 0);
  await eventually(`${name} unknown`, async () => (await ask(`/api/v1/servers/${name}`)).status === 404);
}

describe('sessions go on, nothing piles up, and all is as it should be in the end', {
  timeout: LONGEST,
}, () => {
  it(`when answers of the API server take up to ${SLOWEST / 1_000} s`, async () => {
    leaveForLater('mcpservers meanwhile');
    const calls = await startCalls(gateway.url, 'steady');
    await sleep(1_500);
    const usual = calls.take();
    everywhere(() => ({ delay: SLOWEST * Math.random() ** 2 }));
    const began = performance.now();
    const [created, removed, read, called] = await Promise.all([
      ask('/api/v1/servers', 'POST', spec('meanwhile')),
      ask('/api/v1/servers/leaving', 'DELETE'),
      strangers((name) => ask(`/api/v1/servers/${name}`)),
      strangers((name) => ask(`/servers/${name}/mcp`, 'POST', PING)),
      canBeCalled('steady'),
    ]);
    const crowded = calls.take();
    expect([created.status, removed.status]).toEqual([202, 204]);
    // Each is told that there is none, or that it cannot be found out now and when to ask again.
    const told = [...read, ...called].filter(
      ({ status, retryAfter }) => status !== 503 || retryAfter === null,
    );
    expect(told.filter(({ status }) => status !== 404)).toEqual([]);
    await canBeCalled('meanwhile');
    figure('a server is made, installed and called through a slow API server within', since(began));
    await isGone('leaving');
    const during = calls.take();
    figure('calls of sessions before', spread(usual));
    figure('calls of sessions beside the requests for strangers', spread(crowded));
    figure('calls of sessions while the API server was slow', spread(during));
    figure('requests under way at one time, gateway and controller', `${before.most} and ${behind.most}`);
    figure('requests in all', `${before.seen.length} and ${behind.seen.length} in ${since(began)}`);
    for (const hop of [before, behind]) expect(hop.most).toBeLessThanOrEqual(MOST_AT_ONCE);
    everywhere(well);
    await untilState(world, 'meanwhile', 'running');
    await calls.end();
    expect(linksLost()).toEqual([]);
  });

  it(`when it asks everybody to wait`, async () => {
    const calls = await startCalls(gateway.url, 'steady');
    await sleep(1_000);
    calls.take();
    everywhere(() => ({ refusal: { status: 429, reason: 'TooManyRequests', retryAfter: RETRY_AFTER } }));
    const began = performance.now();
    await world.apply('by-hand', smallServer('1'));
    await world.client.remove(MCP_SERVERS, { namespace: world.namespace, name: 'meanwhile' });
    const [created, stranger, seen] = await Promise.all([
      ask('/api/v1/servers', 'POST', spec('refused')),
      ask('/servers/nobody/mcp', 'POST', PING),
      ask('/api/v1/servers/steady'),
      canBeCalled('steady'),
      sleep(REFUSING),
    ]);
    expect([created.status, created.text]).toEqual([
      503,
      expect.stringContaining('The API server asks to wait'),
    ]);
    expect(created.retryAfter).not.toBeNull();
    expect([stranger.status, seen.status]).toEqual([503, 200]);
    const during = calls.take();
    figure('calls of sessions while the API server refused everything', spread(during));
    figure('requests refused', `${before.seen.length} and ${behind.seen.length} in ${since(began)}`);
    for (const hop of [before, behind]) expect(tooEarly(hop.seen)).toEqual([]);
    everywhere(well);
    const ended = performance.now();
    await untilState(world, 'by-hand', 'running');
    await canBeCalled('by-hand');
    figure('a server that was made meanwhile is called, after the refusals ended, within', since(ended));
    await isGone('meanwhile');
    figure('and one that was removed meanwhile is gone within', since(ended));
    expect((await ask('/api/v1/servers/refused')).status).toBe(404);
    await calls.end();
    expect(linksLost()).toEqual([]);
  });
});

/** What the gateway has said of links of the server whose sessions go on. */
const linksLost = (): string[] =>
  gateway.output.split('\n').filter((line) => line.includes('a link is down') && line.includes('steady'));

/** What came again before the time that it was told. What is made has no name in its path, and may be made by several at a time. */
function tooEarly(seen: readonly SeenRequest[]): string[] {
  const refused = new Map<string, number>();
  const early: string[] = [];
  for (const { method, url, at, refusedAt } of seen) {
    if (method === 'POST') continue;
    const { searchParams } = url;
    const key = `${method} ${url.pathname} ${searchParams.get('fieldSelector')} ${searchParams.get('watch')}`;
    const last = refused.get(key);
    // Timers may be a millisecond early.
    if (last !== undefined && at - last < RETRY_AFTER * 1_000 - 5) early.push(`${key} ${at - last} ms`);
    if (refusedAt !== undefined) refused.set(key, refusedAt);
  }
  return early;
}
