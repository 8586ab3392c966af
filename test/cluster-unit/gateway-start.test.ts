/** The gateway's program before an API server with two thousand servers: it is ready once it knows all of them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { PAGE } from '../../src/cluster/list-all.ts';
import type { McpServer } from '../../src/cluster/mcp-server.ts';
import { deployment } from '../../src/cluster/objects/deployment.ts';
import { figure, since } from '../cluster/support/figures.ts';
import { kubeconfigOf } from '../cluster/support/kubeconfig.ts';
import { blueprint, settings } from '../support/blueprints.ts';
import { type ClusterGateway, spawnClusterGateway } from '../support/cluster-gateway.ts';
import { json, StandInApi } from './stand-in-api.ts';

const SERVERS = 2_000;
const LOOK_EVERY = 20;
const LOOKS = 3_000;

interface Page {
  readonly servers: readonly { readonly status: { readonly state: string } }[];
  readonly next?: string;
}

let api: StandInApi;
let gateway: ClusterGateway;
let folder: string;
/** By plural: the text of each page. */
let pages: Record<string, string[]>;
let firstList: number | undefined;

beforeEach(async () => {
  api = await StandInApi.start();
  folder = mkdtempSync(join(tmpdir(), 'berth-start-'));
  firstList = undefined;
  pages = { mcpservers: pagesOf(serverObject), pods: pagesOf(podObject) };
  api.answer = (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://x');
    if (searchParams.has('watch')) return void response.writeHead(200).flushHeaders();
    firstList ??= performance.now();
    const text = pages[pathname.split('/').at(-1) ?? '']?.[Number(searchParams.get('continue') ?? 0)];
    if (text === undefined) return json(response, 200, { metadata: { resourceVersion: '1' }, items: [] });
    answer(response, text);
  };
});
afterEach(async () => {
  await gateway?.close();
  await api.close();
  rmSync(folder, { recursive: true, force: true });
});

function answer(response: ServerResponse, text: string): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(text);
}

function pagesOf(make: (index: number) => object): string[] {
  return Array.from({ length: SERVERS / PAGE }, (_, page) => {
    const items = Array.from({ length: PAGE }, (_, at) => make(page * PAGE + at));
    const next = (page + 1) * PAGE < SERVERS ? { continue: String(page + 1) } : {};
    return JSON.stringify({ metadata: { resourceVersion: '1', ...next }, items });
  });
}

const nameOf = (index: number): string => `server-${index}`;
const uidOf = (index: number): string => `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`;

/** What an API server adds to every object: who owns which fields. */
function managedFields(spec: object): object[] {
  const fields = (value: unknown): object =>
    typeof value === 'object' && value !== null
      ? Object.fromEntries(Object.entries(value).map(([name, member]) => [`f:${name}`, fields(member)]))
      : {};
  const fieldsV1 = fields({ spec });
  return [{ manager: 'kube-controller-manager', operation: 'Update', fieldsType: 'FieldsV1', fieldsV1 }];
}

function serverObject(index: number): McpServer {
  const spec = { source: { script: { runtime: 'node', code: "console.log('hi')" } }, replicas: 1 } as const;
  return {
    metadata: {
      ...{ name: nameOf(index), namespace: 'demo', uid: uidOf(index), generation: 1, resourceVersion: '1' },
      managedFields: managedFields(spec),
    },
    spec,
    status: {
      ...{ observedGeneration: 1, state: 'running', replicas: 1, readyReplicas: 1, availableReplicas: 1 },
      updatedReplicas: 1,
    },
  } as unknown as McpServer;
}

/** One replica, as kubelet reports it when it runs. */
function podObject(index: number): object {
  const owner = { name: nameOf(index), namespace: 'demo', uid: uidOf(index) };
  const { template } = deployment({
    blueprint: blueprint({ kind: 'script', runtime: 'node', code: "console.log('hi')" }, { owner }),
    ...{ settings, generation: '1', annotations: {} },
  }).spec;
  const startedAt = '2026-01-01T00:00:00Z';
  return {
    metadata: {
      ...template.metadata,
      ...{
        name: `mcp-${nameOf(index)}-0`,
        namespace: 'demo',
        uid: `pod-${uidOf(index)}`,
        resourceVersion: '1',
      },
      managedFields: managedFields(template.spec),
    },
    spec: { ...template.spec, nodeName: 'node-1' },
    status: {
      ...{ phase: 'Running', podIP: '10.0.0.1' },
      conditions: ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({
        ...{ type, status: 'True', lastTransitionTime: startedAt },
      })),
      containerStatuses: template.spec.containers.map(({ name, image }) => ({
        ...{ name, image, ready: true, restartCount: 0, state: { running: { startedAt } } },
      })),
    },
  };
}

it(`knows ${SERVERS} servers and their pods when it says that it is ready`, {
  timeout: 120_000,
}, async () => {
  const kubeconfig = join(folder, 'kubeconfig.json');
  writeFileSync(kubeconfig, kubeconfigOf(api.baseUrl, 'any'));
  const started = performance.now();
  gateway = await spawnClusterGateway({ kubeconfig, namespace: 'demo' });
  gateway.writeKeys();
  for (let look = 0; (await gateway.probe('/readyz')) !== 200; look++) {
    expect([look < LOOKS, gateway.output]).toEqual([true, gateway.output]);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
  }
  const bytes = Object.values(pages).flat().join('').length;
  figure(
    `a gateway is ready, of ${SERVERS} servers and pods (${(bytes / 2 ** 20).toFixed(1)} MiB)`,
    `${since(started)} after its program began, ${since(firstList ?? 0)} after it asked first`,
  );
  const states: string[] = [];
  for (let cursor: string | undefined = ''; cursor !== undefined; ) {
    const answer = await fetch(`${gateway.url}/api/v1/servers?limit=500${cursor && `&cursor=${cursor}`}`);
    const page = (await answer.json()) as Page;
    states.push(...page.servers.map(({ status }) => status.state));
    cursor = page.next;
  }
  expect(states).toHaveLength(SERVERS);
  expect(new Set(states)).toEqual(new Set(['running']));
});
