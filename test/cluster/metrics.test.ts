/** A pod of each kind answers a scrape at the port that its monitor names, with what it is to tell; gateways export traces. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { checkDefinitions, type ReadExposition, readExposition, seriesValue } from '../support/exposition.ts';
import { connectSdk } from '../support/sdk-clients.ts';
import { NODE_IMAGE } from './support/images.ts';
import type { ReleasePod } from './support/release.ts';
import { type RunningRelease, startRelease, steady } from './support/release.ts';
import { attempt, CHART, read, run } from './support/tools.ts';

const SERVER = 'measured';
const COLLECTOR = 'collector';
const OTLP_PORT = 4318;
const COLLECTOR_KEY = 'canary-of-the-collector';
/** Says every export on a line of its log, with the header that it came with. */
const RECEIVE = `require('http').createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => { body += chunk; });
  request.on('end', () => {
    console.log(request.headers['x-key'] + ' ' + request.url + ' ' + body);
    response.end('{}');
  });
}).listen(${OTLP_PORT});`;

const ENVELOPE = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
};

interface Monitor {
  readonly spec: {
    readonly namespaceSelector: { readonly matchNames: readonly string[] };
    readonly selector: {
      readonly matchLabels: Readonly<Record<string, string>>;
      readonly matchExpressions?: readonly { readonly key: string; readonly values: readonly string[] }[];
    };
    readonly podMetricsEndpoints: readonly { readonly port: string; readonly path: string }[];
  };
}

interface Ported {
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
}

let release: RunningRelease;
let monitors: Monitor[];

beforeAll(async () => {
  release = await startRelease(({ namespace }) => {
    // Gateways do not start without the Secret.
    run('kubectl', ['create', 'namespace', namespace]);
    run('kubectl', ['apply', '-n', namespace, '-f', '-'], collector());
    const endpoint = `http://${COLLECTOR}.${namespace}.svc:${OTLP_PORT}`;
    return { servers: { metrics: { enabled: true } }, traces: { endpoint, headersSecret: COLLECTOR } };
  });
  await release.run({ name: SERVER, template: 'everything' });
  // As the chart makes them: the cluster of the tests has no definition of monitors.
  const flags = ['--set', 'metrics.podMonitor.enabled=true', '--set', 'servers.metrics.enabled=true'];
  const made = run('helm', ['template', release.name, CHART, '-n', release.namespace, ...flags]);
  monitors = made
    .split(/^---$/m)
    .filter((text) => /^kind: PodMonitor$/m.test(text))
    .map((text) => parse(text) as Monitor);
}, 600_000);
afterAll(async () => {
  if (!release) return;
  run('kubectl', ['delete', '-n', release.namespace, '--wait=false', '-f', '-'], collector());
  await release.close();
});

/** Beside the gateways: whoever receives their traces, and the Secret with its key. */
function collector(): string {
  const metadata = { name: COLLECTOR, labels: { app: COLLECTOR } };
  const container = {
    ...{ name: 'main', image: NODE_IMAGE, imagePullPolicy: 'IfNotPresent', command: ['node', '-e', RECEIVE] },
    readinessProbe: { tcpSocket: { port: OTLP_PORT }, periodSeconds: 1 },
  };
  const items = [
    { apiVersion: 'v1', kind: 'Secret', metadata, stringData: { headers: `x-key=${COLLECTOR_KEY}` } },
    {
      ...{ apiVersion: 'v1', kind: 'Pod', metadata },
      spec: {
        containers: [container],
        terminationGracePeriodSeconds: 0,
        automountServiceAccountToken: false,
      },
    },
    {
      ...{ apiVersion: 'v1', kind: 'Service', metadata },
      spec: { selector: metadata.labels, ports: [{ port: OTLP_PORT }] },
    },
  ];
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}

/** Pods that one of the monitors chooses, with the address at which it scrapes them. */
async function targets(
  component: string,
): Promise<{ readonly pod: ReleasePod; readonly port: number; readonly path: string }[]> {
  const all = component === 'mcp-server' ? await release.serverPods(SERVER) : await release.pods(component);
  return all.flatMap((pod) => {
    const labels = pod.metadata.labels ?? {};
    return monitors
      .filter(({ spec: { namespaceSelector, selector } }) => {
        const named = Object.entries(selector.matchLabels).every(([key, value]) => labels[key] === value);
        const among = (selector.matchExpressions ?? []).every(({ key, values }) =>
          values.includes(labels[key] ?? ''),
        );
        return named && among && namespaceSelector.matchNames.includes(pod.metadata.namespace ?? '');
      })
      .flatMap(({ spec: { podMetricsEndpoints } }) =>
        podMetricsEndpoints.flatMap(({ port, path }) =>
          pod.spec.containers
            .flatMap((container) => (container as Ported).ports ?? [])
            .filter(({ name }) => name === port)
            .map(({ containerPort }) => ({ pod, port: containerPort, path })),
        ),
      );
  });
}

async function scrape(component: string): Promise<ReadExposition[]> {
  const found = await targets(component);
  expect(found.length).toBeGreaterThan(0);
  return Promise.all(
    found.map(async ({ pod, port, path }) => {
      const response = await fetch(`http://${pod.status.podIP}:${port}${path}`);
      expect(response.status).toBe(200);
      const exposition = readExposition(await response.text(), 'prometheus');
      checkDefinitions(exposition);
      return exposition;
    }),
  );
}

const sum = (all: readonly ReadExposition[], name: string, labels: Record<string, string> = {}): number =>
  all.reduce((total, one) => total + (seriesValue(one, name, labels) ?? 0), 0);

describe('a scrape', () => {
  it('of the controllers finds one leader, which sees the server', async () => {
    const all = await scrape('controller');
    expect(sum(all, 'berth_controller_leader')).toBe(1);
    expect(sum(all, 'berth_controller_reconciles_total', { result: 'done' })).toBeGreaterThan(0);
    await steady('the server runs for the leader', async () =>
      sum(await scrape('controller'), 'berth_servers', { state: 'running' }) === 1 ? true : undefined,
    );
  });

  it('of gateways and supervisors tells the calls of a client', async () => {
    const client = await connectSdk('v1 streamable-http', release.serverUrl(SERVER), { key: release.key });
    for (let call = 0; call < 3; call++) await client.callTool('echo', { message: 'hello' });
    const supervisors = await scrape('mcp-server');
    const calls = {
      server: SERVER,
      method: 'tools/call',
      status: 'success',
      transport: 'streamable-http',
      era: 'legacy',
    };
    expect(sum(supervisors, 'mcp_requests_total', calls)).toBe(3);
    expect(sum(supervisors, 'berth_sessions', { server: SERVER, kind: 'session' })).toBe(1);
    const gateways = await scrape('gateway');
    const requests = { endpoint: '/servers/{name}/mcp', method: 'POST', status: '200' };
    expect(sum(gateways, 'http_requests_total', requests)).toBeGreaterThanOrEqual(4);
    expect(sum(gateways, 'berth_links', { state: 'up' })).toBeGreaterThan(0);
    expect(sum(gateways, 'berth_link_connects_total')).toBeGreaterThan(0);
    await client.close();
  });

  it('of gateways counts the spans that they have exported', async () => {
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const response = await fetch(`${release.serverUrl(SERVER)}/mcp`, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${release.key}`,
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
        'MCP-Protocol-Version': '2026-07-28',
        'Mcp-Method': 'tools/list',
        traceparent: `00-${traceId}-b7ad6b7169203331-01`,
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: ENVELOPE } }),
    });
    expect([response.status, await response.text()]).toEqual([200, expect.stringContaining('echo')]);
    const logs = ['-n', release.namespace, 'logs', `pod/${COLLECTOR}`];
    const line = await steady('the span at the collector', async () =>
      attempt('kubectl', logs)
        .out.split('\n')
        .find((one) => one.includes(traceId)),
    );
    expect(line.startsWith(`${COLLECTOR_KEY} /v1/traces `)).toBe(true);
    expect(line).toContain('"parentSpanId":"b7ad6b7169203331"');
    await steady('their count', async () =>
      sum(await scrape('gateway'), 'berth_trace_spans_total', { result: 'exported' }) > 0 ? true : undefined,
    );
  });

  it('of gateways tells what the replicas of a server say of it', async () => {
    const of = async (name: string, labels: Record<string, string> = {}): Promise<number> =>
      sum(await scrape('gateway'), name, { server: SERVER, ...labels });
    await steady('its tools', async () => ((await of('mcp_tools_total')) > 0 ? true : undefined));
    expect(await of('mcp_capabilities_total')).toBeGreaterThan(0);
    await steady('its check', async () =>
      (await of('berth_health_check_timestamp_seconds', { result: 'passed' })) > 0 ? true : undefined,
    );
  });

  it('has its way through the policies, and nothing else has', () => {
    const rules = read<{ spec: { ingress?: readonly { ports: readonly { port: unknown }[] }[] } }>(
      'networkpolicy',
      `mcp-${SERVER}`,
      '-n',
      release.servers,
    ).spec.ingress;
    expect(rules?.map(({ ports }) => ports.map(({ port }) => port))).toEqual([[9_090]]);
    for (const part of ['gateway', 'controller']) {
      const { spec } = read<{ spec: { ingress: readonly { ports: readonly { port: unknown }[] }[] } }>(
        'networkpolicy',
        `${release.name}-${part}`,
        '-n',
        release.namespace,
      );
      expect(spec.ingress.flatMap(({ ports }) => ports.map(({ port }) => port))).toContain('metrics');
    }
    expect(attempt('kubectl', ['get', 'service', '-n', release.servers, '-o', 'name']).out.trim()).toBe('');
  });
});

it('the health of the installation has its parts', async () => {
  const response = await fetch(`${release.url}/api/v1/health`, {
    headers: { Authorization: `Bearer ${release.key}` },
  });
  expect([response.status, await response.json()]).toMatchObject([
    200,
    {
      status: 'ok',
      runtime: 'kubernetes',
      namespace: release.servers,
      components: [
        { name: 'kubernetes', state: 'ok' },
        { name: 'watch', state: 'ok' },
        { name: 'seal-keys', state: 'ok' },
      ],
      servers: { total: 1, healthy: 1, states: { running: 1 } },
    },
  ]);
  const open = await fetch(`${release.url}/health`);
  expect([open.status, await open.json()]).toEqual([200, { status: 'ok' }]);
  expect((await fetch(`${release.url}/api/v1/health`)).status).toBe(401);
});
