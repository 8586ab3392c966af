/** Who may reach whom: by the rules over everything that a release has, and in the cluster itself where its network enforces policies. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { probePods } from '../../src/cluster/doctor/probe.ts';
import type { McpClient } from '../support/mcp-client.ts';
import { allows, type Connection, type End, type PodEnd, type Policy } from '../support/network-policies.ts';
import { session } from '../support/transports.ts';
import { openCluster } from './support/cluster.ts';
import { podSettings } from './support/images.ts';
import { type PolicyWorld, policyWorld } from './support/policy-world.ts';
import { type ReleasePod, startRelease, steady } from './support/release.ts';
import { read, run } from './support/tools.ts';

const LINK = 8643;
const METRICS = 9090;
/** What a hostile or careless program may listen at. */
const STRAY = 12_345;

type Destination = readonly [name: string, to: string | End, port: number, protocol?: 'TCP' | 'UDP'];

const OUTSIDE: readonly Destination[] = [
  ['names', 'DNS', 53, 'UDP'],
  ['the API server’s service', { address: '10.96.0.1' }, 443],
  ['the API server on its node', { address: '192.168.10.1' }, 6443],
  ['the API server on its node over IPv6', { address: 'fd12::1' }, 6443],
  ['kubelet', { address: '192.168.10.1' }, 10_250],
  ['etcd', { address: '192.168.10.1' }, 2379],
  ['metadata of the cloud', { address: '169.254.169.254' }, 80],
  ['metadata over TLS', { address: '169.254.169.254' }, 443],
  ['metadata over IPv6', { address: 'fd00:ec2::254' }, 80],
  ['a database on a private address', { address: '10.20.0.9' }, 5432],
  ['another port of it', { address: '10.20.0.9' }, 22],
  ['the internet', { address: '203.0.113.7' }, 443],
  ['the internet over IPv6', { address: '2001:db8::7' }, 443],
  ['mail servers', { address: '203.0.113.7' }, 25],
  ['a pod elsewhere', 'a pod elsewhere', STRAY],
];
const OURS: readonly Destination[] = [
  ['the gateway', 'gateway', 8053],
  ['its metrics and peers', 'gateway', METRICS],
  ['metrics of the controller', 'controller', METRICS],
  ['the package store', 'trees', 8080],
  ['the link port of a server', 'a package', LINK],
  ['metrics of a server', 'a package', METRICS],
  ['a stray port of a server', 'a package', STRAY],
  ['the port of an HTTP image', 'an image, egress public', 8080],
  ['a stray port of an installer', 'installer', STRAY],
];

/** Names of what a source reaches, of all destinations. */
function reach({ policies, ends }: PolicyWorld, source: string | End): string[] {
  const end = (one: string | End): End => {
    const found = typeof one === 'string' ? ends[one] : one;
    if (!found) throw new Error(`there is no ${JSON.stringify(one)}`);
    return found;
  };
  return [...OUTSIDE, ...OURS]
    .filter(([, to, port, protocol = 'TCP']) =>
      allows(policies, { from: end(source), to: end(to), port, protocol }),
    )
    .map(([name]) => name);
}

const PUBLIC = ['the internet', 'the internet over IPv6', 'mail servers'];
/** Where the API server is cannot be said by labels, so that its ports are open wherever it may be. */
const API_SERVER = [
  'the API server’s service',
  'the API server on its node',
  'the API server on its node over IPv6',
  'metadata over TLS',
  'the internet',
  'the internet over IPv6',
];

describe('by the rules of a release', () => {
  const world = policyWorld();

  it.each([
    ['gateway', ['names', ...API_SERVER, 'its metrics and peers']],
    ['controller', ['names', ...API_SERVER, 'the package store']],
    ['trees', []],
    ['a package', ['names', ...PUBLIC, 'the package store']],
    ['a package, egress none', ['names', 'the package store']],
    ['a script, egress none', []],
    ['an image, egress public', ['names', ...PUBLIC]],
    ['a server with a list', ['names', 'a database on a private address']],
    ['installer', ['names', ...PUBLIC, 'the package store']],
    ['a pod of somebody else among the servers', []],
  ])('%s reaches what it needs and nothing else', (source, wanted) => {
    expect(reach(world, source)).toEqual(wanted);
  });

  it('nothing of ours but the gateway, and metrics within the cluster, is reached by others', () => {
    const ours = OURS.map(([name]) => name);
    const of = (source: string | End): string[] => reach(world, source).filter((name) => ours.includes(name));
    expect(of('a pod elsewhere')).toEqual([
      'the gateway',
      'its metrics and peers',
      'metrics of the controller',
    ]);
    expect(of({ address: '203.0.113.9' })).toEqual(['the gateway']);
  });

  it('lets nobody into a pod of a server: links go by exec', () => {
    const servers = OURS.filter(([, to]) => to === 'a package' || to === 'an image, egress public');
    for (const from of Object.values(world.ends))
      for (const [, to, port] of servers) {
        const end = world.ends[to as string] as PodEnd;
        expect(from !== end && allows(world.policies, { from, to: end, port })).toBe(false);
      }
  });
});

describe('by the rules of a release whose', () => {
  const into = (world: PolicyWorld, port: number): string[] =>
    Object.entries(world.ends)
      .filter(([name, from]) => {
        const to = world.ends['a package'] as End;
        return name !== 'a package' && allows(world.policies, { from, to, port });
      })
      .map(([name]) => name);

  it('links go over the network, gateway and controller come into servers’ pods, at one port', () => {
    const world = policyWorld('link.carrier=network');
    expect(into(world, LINK)).toEqual(['gateway', 'controller']);
    expect([METRICS, STRAY].flatMap((port) => into(world, port))).toEqual([]);
  });

  it('servers have metrics, pods that may go out to them read those and nothing else', () => {
    const world = policyWorld('servers.metrics.enabled=true');
    expect(into(world, METRICS)).toEqual(['a pod elsewhere', 'DNS']);
    expect([LINK, STRAY].flatMap((port) => into(world, port))).toEqual([]);
  });

  it('callers are named, it serves those alone', () => {
    const from =
      'networkPolicies.from[0].namespaceSelector.matchLabels.kubernetes\\.io/metadata\\.name=agents';
    const world = policyWorld(from);
    expect(reach(world, 'a pod elsewhere')).not.toContain('the gateway');
    expect(reach(world, { address: '203.0.113.9' })).toEqual(expect.not.arrayContaining(['the gateway']));
    const agent = {
      ...(world.ends['a pod elsewhere'] as PodEnd),
      ...{ namespace: 'agents', namespaceLabels: { 'kubernetes.io/metadata.name': 'agents' } },
    };
    expect(reach(world, agent)).toContain('the gateway');
  });

  it('metrics are for one namespace, gateways still hear of each other', () => {
    const from =
      'networkPolicies.metricsFrom[0].namespaceSelector.matchLabels.kubernetes\\.io/metadata\\.name=watching';
    const world = policyWorld(from);
    expect(reach(world, 'gateway')).toContain('its metrics and peers');
    for (const other of ['a pod elsewhere', 'controller', 'a package'])
      expect(reach(world, other)).not.toContain('its metrics and peers');
  });

  it('API server has an address, gateway and controller reach no other', () => {
    const world = policyWorld('networkPolicies.apiServerCidrs={10.96.0.1/32}');
    expect(reach(world, 'gateway')).toEqual(['names', 'the API server’s service', 'its metrics and peers']);
    expect(reach(world, 'controller')).toEqual(['names', 'the API server’s service', 'the package store']);
  });
});

/** A server that listens where nobody may come, once in its pod, and says what it reaches. */
const PROBE = `
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
createServer((socket) => socket.end('hello')).on('error', () => {}).listen(${STRAY});
const say = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n');
const reach = ({ address, port }) => new Promise((resolve) => {
  const socket = connect({ host: address, port, timeout: 3000 });
  const end = (reached) => { socket.destroy(); resolve(reached); };
  socket.on('connect', () => end(true)).on('timeout', () => end(false)).on('error', () => end(false));
});
createInterface({ input: process.stdin }).on('line', async (line) => {
  const { id, method, params } = JSON.parse(line);
  const serverInfo = { name: 'probe', version: '1' };
  if (method === 'initialize') say({ id, result: { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo } });
  else if (method === 'tools/list') say({ id, result: { tools: [{ name: 'reach', inputSchema: { type: 'object' } }] } });
  else if (method === 'tools/call') say({ id, result: { content: [{ type: 'text', text: String(await reach(params.arguments)) }] } });
  else if (id !== undefined) say({ id, error: { code: -32601, message: 'Method not found' } });
});
`;

/** Why policies cannot be tried here; undefined where the cluster's network enforces them. */
async function unenforced(): Promise<string | undefined> {
  const cluster = await openCluster();
  try {
    const { client, namespace } = cluster;
    const findings = await probePods({
      client,
      settings: podSettings(namespace),
      places: { release: 'berth', namespace, servers: namespace },
      sleep: (ms) => sleep(ms),
    });
    const found = findings.find(({ check }) => check === 'network policies') ?? findings[0];
    return found?.state === 'ok' ? undefined : (found?.message ?? 'nothing was found out');
  } finally {
    await cluster.close();
  }
}

describe('in the cluster', () => {
  const podEnd = ({ metadata, status }: ReleasePod): PodEnd => {
    const namespace = metadata.namespace ?? '';
    return {
      namespace,
      namespaceLabels: { 'kubernetes.io/metadata.name': namespace },
      labels: metadata.labels ?? {},
      address: status.podIP ?? '',
      ports: { http: 8053, metrics: METRICS },
    };
  };

  it('servers reach what the rules say and nothing else', async ({ skip, onTestFinished }) => {
    const why = await unenforced();
    if (why !== undefined) {
      console.info(`NetworkPolicies are not tried in this cluster: ${why}`);
      return skip(why);
    }
    const release = await startRelease({ gateway: { replicas: 1 }, controller: { replicas: 1 } });
    onTestFinished(() => release.close(), 300_000);
    const { servers, namespace, key } = release;
    const source = { script: { runtime: 'node', code: PROBE } };
    await release.run({ name: 'open', source });
    await release.run({ name: 'closed', source, network: { egress: 'none' } });
    const [gateway, controller] = await Promise.all(
      ['gateway', 'controller'].map(async (part) => (await release.pods(part))[0]),
    );
    const pods = { open: await only('open'), closed: await only('closed') };
    const policies = [servers, namespace].flatMap(
      (place) => read<{ items: Policy[] }>('networkpolicies', '-n', place).items,
    );
    const service = run('kubectl', [
      'get',
      'service',
      'kubernetes',
      '-o',
      'jsonpath={.spec.clusterIP}',
    ]).trim();
    const names = read<{ items: ReleasePod[] }>('pods', '-n', 'kube-system', '-l', 'k8s-app=kube-dns').items;
    const tried = (other: ReleasePod): readonly (readonly [End, number])[] => [
      [podEnd(other), STRAY],
      [podEnd(gateway as ReleasePod), 8053],
      [podEnd(gateway as ReleasePod), METRICS],
      [podEnd(controller as ReleasePod), METRICS],
      [{ address: service }, 443],
      [{ address: '169.254.169.254' }, 80],
      ...names.map((pod) => [podEnd(pod), 53] as const),
    ];
    const open = (name: string): Promise<McpClient> =>
      session('streamable-http', release.serverUrl(name), { key });
    // A server listens only as long as it has a session.
    const clients = { open: await open('open'), closed: await open('closed') };
    for (const [from, other] of [
      ['open', 'closed'],
      ['closed', 'open'],
    ] as const)
      for (const [to, port] of tried(pods[other])) {
        const connection: Connection = { from: podEnd(pods[from]), to, port };
        const reached = await clients[from].toolText('reach', { address: to.address, port });
        expect([from, to, port, reached]).toEqual([from, to, port, `${allows(policies, connection)}`]);
      }
    await Promise.all([clients.open.close(), clients.closed.close()]);

    async function only(server: string): Promise<ReleasePod> {
      return steady(`the pod of ${server}`, async () => (await release.serverPods(server))[0]);
    }
  }, 600_000);
});
