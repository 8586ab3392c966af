/** The benchmark of the cluster without one: what a crowd notices, and what the page makes of the figures. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cpus } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { Book } from '../../bench/book.ts';
import { type ClusterBooks, wantedCarriers } from '../../bench/cluster/measures.ts';
import { clusterBars, clusterPage } from '../../bench/cluster/page.ts';
import { BUSY, ONE_CALL, QUICK_CLUSTER } from '../../bench/cluster/plan.ts';
import type { RolloutResult } from '../../bench/cluster/rollout.ts';
import { openCrowd } from '../../bench/crowd.ts';
import type { CallsResult, CrowdJob, CrowdReport } from '../../bench/job.ts';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

interface Asked {
  readonly id?: number;
  readonly method: string;
  readonly params?: { readonly arguments?: { readonly text?: string } };
}

/** A server that echoes through `twist`, and knows of each request what head it had. */
async function echo(twist: (text: string) => string): Promise<{ port: number; heads: Set<string> }> {
  const heads = new Set<string>();
  const made = createServer(async (request, response) => {
    heads.add(`${request.method} ${request.headers.host} ${request.headers.authorization}`);
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const text = Buffer.concat(parts).toString();
    const { id, params } = (text === '' ? {} : JSON.parse(text)) as Partial<Asked>;
    if (id === undefined) return void response.writeHead(202).end();
    const result = { content: [{ type: 'text', text: twist(params?.arguments?.text ?? '') }] };
    response.setHeader('content-type', 'application/json');
    response.setHeader('mcp-session-id', 's');
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result }));
  });
  server = made;
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve));
  return { port: (made.address() as AddressInfo).port, heads };
}

const job = (port: number): CrowdJob => ({
  mode: 'crowd',
  transport: 'http',
  count: 7,
  calls: 3,
  target: { port, path: '/mcp', host: 'berth.example', key: 'k' },
});

describe('a crowd', () => {
  it('whose answers are its own is counted, and shows who it is', async () => {
    const { port, heads } = await echo((text) => text);
    const { report, close } = await openCrowd(job(port));
    expect(report).toMatchObject({ opened: 7, calls: 21, crossed: 0, failed: 0 });
    expect([report.openings.length, report.latencies.length, report.firstError]).toEqual([7, 21, undefined]);
    await close();
    expect([...heads].sort()).toEqual(['DELETE', 'POST'].map((method) => `${method} berth.example Bearer k`));
  });

  it('notices the answer of another call', async () => {
    let calls = 0;
    const { port } = await echo((text) => (text !== '' && ++calls % 5 === 0 ? 'token-9999-0-end' : text));
    const { report, close } = await openCrowd(job(port));
    expect(report).toMatchObject({ opened: 7, calls: 21, crossed: 4, failed: 0 });
    await close();
  });

  it('notices an answer with nothing of a call in it', async () => {
    const { port } = await echo((text) => (text === 'token-3-1-end' ? 'something' : text));
    const { report, close } = await openCrowd(job(port));
    expect(report).toMatchObject({ calls: 21, crossed: 0, failed: 1 });
    expect(report.firstError).toContain('without a token');
    await close();
  });
});

const { callsPerSecond, streams } = QUICK_CLUSTER;
const REPLACED: RolloutResult = {
  ...{
    calls: 60 * callsPerSecond,
    answered: 60 * callsPerSecond,
    seconds: 60,
    failed: 0,
    p50: 2,
    p99: 3,
    slowest: 40,
  },
  ...{ streams, streamsOpen: streams, streamEnds: [0, 600, 1_500, 1_550, 1_601], streamsCut: 0 },
  ...{ streamsRefused: 0, exits: [3, 21.5], rollout: 48 },
};

function books({
  exec = 800,
  left = 0,
  opened = QUICK_CLUSTER.crowd,
  slowest = 4900,
  rollout = REPLACED,
} = {}): ClusterBooks {
  const all: ClusterBooks = {
    calls: new Book(),
    costs: new Book(),
    bare: new Book(),
    opening: new Book(),
    cold: new Book(),
    crowd: new Book(),
    rollout: new Book(),
  };
  const calls = (perSecond: number, p50: number): CallsResult => ({
    ...{ calls: perSecond, perSecond, p50, p99: 2 * p50, errors: 0, clientCpu: 0.1, gatewayUs: Number.NaN },
  });
  for (const cell of [ONE_CALL, BUSY]) {
    all.calls.add(cell, 'local', calls(1000, 0.2));
    all.calls.add(cell, 'exec', calls(exec, 1.2));
    all.calls.add(cell, 'network', calls(900, 0.4));
  }
  for (const p50 of [0.5, 0.9, 0.7]) all.bare.add('bare exec', 'exec', { p50, p99: 2 * p50 });
  all.costs.add(BUSY, 'exec', { 'API server': 30, gateway: 66, other: 4 });
  for (const name of ['open', 'open with a spare']) all.opening.add(name, 'exec', { samples: [40, 90, 60] });
  const starts = [2000, 2500, slowest].map((ms) => ({ ms, steps: { 'pod made': ms / 10, answered: ms } }));
  all.cold.add('cold start', 'exec', { starts });
  const report: CrowdReport = {
    ...{ opened, calls: 300, crossed: 0, failed: 0, openings: [10], latencies: [5] },
  };
  all.crowd.add('crowd', 'exec', { ...report, kibPerSession: 50, gatewayKib: 30, supervisorKib: 20, left });
  all.crowd.add('crowd', 'network', { failure: 'no pod' });
  all.rollout.add('rollout', 'exec', rollout);
  return all;
}

it('measures nothing that is not wanted, and opens no release for it', () => {
  const only = (text: string) => wantedCarriers((name) => name.includes(text));
  expect(only('')).toEqual(['exec', 'network']);
  expect(only('http/1x1')).toEqual(['exec', 'network']);
  expect(only('cold start')).toEqual(['exec', 'network']);
  expect(only('cold start exec')).toEqual(['exec']);
  expect(only('crowd network')).toEqual(['network']);
});

describe('the page of the cluster', () => {
  const met = (given: ClusterBooks): string[] =>
    clusterBars({ books: given, plan: QUICK_CLUSTER }).map(
      ({ what, met: isMet }) => `${isMet ? 'met' : 'missed'} ${what}`,
    );

  it('holds every bar up to what was measured', () => {
    expect(met(books()).filter((line) => line.startsWith('missed'))).toEqual([]);
    expect(met(books())).toHaveLength(15);
    const missed = met(books({ exec: 699, left: 1, opened: QUICK_CLUSTER.crowd - 1, slowest: 5100 }));
    expect(missed.filter((line) => line.startsWith('missed'))).toEqual([
      'missed exec, 20 sessions × 16 in flight: calls per second to local',
      'missed exec, cold start, p99',
      `missed ${QUICK_CLUSTER.crowd} sessions over exec: opened`,
      `missed ${QUICK_CLUSTER.crowd} sessions over exec: sessions and joins left after their end`,
    ]);
    const rollout = {
      answered: 50 * callsPerSecond,
      failed: 1,
      streamsRefused: 1,
      streamsCut: 1,
      streamsOpen: 1,
      exits: [46, 2],
    };
    const late = met(books({ rollout: { ...REPLACED, ...rollout } })).filter((line) =>
      line.startsWith('missed'),
    );
    expect(late).toEqual([
      'missed rollout: answered calls per second',
      'missed rollout: calls that failed',
      'missed rollout: streams that were cut',
      'missed rollout: streams that could not be opened again at once',
      'missed rollout: streams open in the end',
      'missed rollout: a gateway has ended after',
    ]);
  });

  it('says what was not measured, and what failed and why', () => {
    const page = clusterPage({
      ...{ books: books(), plan: QUICK_CLUSTER, load: { before: 0.1, after: 2 }, kubernetes: 'v1.37.1' },
    });
    expect(page).toContain('| 20 sessions × 16 in flight | 1000 | 800 | 900 | 0.80 | 0.90 |');
    expect(page).toContain('gateway 66 %, API server 30 %');
    expect(page).toContain('bare `cat` over exec, with nothing of Berth in the pod: 0.70 / 1.40 ms');
    expect(page).toContain('- crowd, network: no pod');
    expect(page).toContain('| cold start | – / – | 2500 / 4900 | – / – |');
    expect(page).toContain('| pod made | 250 | – |');
    expect(page).toContain(
      'Kubernetes v1.37.1; load of the machine over a minute: 0.10 before the run, 2.00 at its end',
    );
    const unseen = met(books({ rollout: { ...REPLACED, exits: [3] } }));
    expect(unseen.filter((line) => line.startsWith('missed'))).toEqual([
      'missed rollout: a gateway has ended after',
    ]);
    expect(page).toContain('| a gateway has ended so long after its SIGTERM | 3.0 s, 21.5 s |');
    expect(page).toContain('| ends of streams, at most within a second | 5, 3 |');
    expect(page).not.toContain('other work');
    const busy = { before: 4 * cpus().length, after: 0 };
    expect(clusterPage({ books: books(), plan: QUICK_CLUSTER, load: busy, kubernetes: '' })).toContain(
      'the machine had other work',
    );
    const empty: ClusterBooks = { ...books(), crowd: new Book() };
    expect(met(empty).filter((line) => line.startsWith('missed'))).toHaveLength(4);
    expect(
      clusterPage({ books: empty, plan: QUICK_CLUSTER, load: { before: 0, after: 0 }, kubernetes: '' }),
    ).toContain('not measured');
  });
});
