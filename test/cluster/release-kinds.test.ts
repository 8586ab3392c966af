/**
 * Every kind of server beside packages, as pods of a release: images that speak HTTP, SSE, WebSocket or stdio, scripts, and servers
 * elsewhere.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectSdk, eraOf, type SdkFlavour } from '../support/sdk-clients.ts';
import { FIXTURES } from './support/images.ts';
import { imageValues, type RunningRelease, startRelease, steady } from './support/release.ts';
import { read, run } from './support/tools.ts';

const START_MS = 300_000;
const CLIENTS: readonly SdkFlavour[] = [
  'v1 streamable-http',
  'v1 sse',
  'v2 legacy websocket',
  'v2 modern streamable-http',
];
const fixture = (name: string): string => readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8');

let release: RunningRelease;
const inServers = (...args: string[]): string => run('kubectl', ['-n', release.servers, ...args]);

interface Case {
  /** Of the server's specification. */
  readonly spec: (release: RunningRelease) => object;
  readonly tool: string;
  readonly input: Record<string, unknown>;
  readonly answer: string;
}

const CASES: Readonly<Record<string, Case>> = {
  archon: {
    spec: () => ({ source: { archon: {} }, env: { LOG_LEVEL: 'DEBUG' } }),
    tool: 'environment',
    input: { name: 'SERVICE_DISCOVERY_MODE' },
    answer: 'kubernetes',
  },
  'archon-core': {
    spec: () => ({ template: 'archon-core', env: { LOG_LEVEL: 'DEBUG' } }),
    tool: 'environment',
    input: { name: 'DEPLOYMENT_MODE' },
    answer: 'kubernetes',
  },
  'http-image': {
    spec: () => ({
      source: { image: { image: FIXTURES.http } },
      transport: 'http',
      port: 9_000,
      configMaps: { GREETING: { name: 'scripts', key: 'good' } },
    }),
    tool: 'environment',
    input: { name: 'GREETING' },
    answer: 'good day',
  },
  'socket-image': {
    spec: () => ({
      source: { image: { image: FIXTURES.http } },
      transport: 'websocket',
      port: 9_000,
      env: { GREETING: 'good evening' },
    }),
    tool: 'environment',
    input: { name: 'GREETING' },
    answer: 'good evening',
  },
  'static-image': {
    spec: () => ({ source: { image: { image: FIXTURES.static, entrypoint: ['/server'] } } }),
    tool: 'hello',
    input: {},
    answer: 'hello from a static program',
  },
  'inline-script': {
    spec: () => ({
      source: { script: { runtime: 'node', code: fixture('script-server.mjs') } },
      configMaps: { GREETING: { name: 'scripts', key: 'short' } },
    }),
    tool: 'where',
    input: {},
    answer: 'node inline',
  },
  'mounted-script': {
    spec: () => ({
      source: { script: { runtime: 'python', configMapRef: { name: 'scripts', key: 'server.py' } } },
      env: { GREETING: 'mounted' },
    }),
    tool: 'where',
    input: {},
    answer: 'python mounted',
  },
  remote: {
    spec: ({ name, namespace }) => ({
      source: {
        remote: {
          url: `http://${name}-gateway.${namespace}.svc/servers/inline-script/mcp`,
          headers: { Authorization: { fromSecret: { name: 'elsewhere', key: 'key' }, scheme: 'Bearer' } },
        },
      },
      network: { egress: 'allow', allow: [{ cidr: '0.0.0.0/0' }] },
    }),
    tool: 'where',
    input: {},
    answer: 'node inline',
  },
  'remote-socket': {
    spec: ({ name, namespace }) => ({
      source: {
        remote: {
          url: `ws://${name}-gateway.${namespace}.svc/servers/inline-script/ws`,
          headers: { Authorization: { fromSecret: { name: 'elsewhere', key: 'key' }, scheme: 'Bearer' } },
        },
      },
      network: { egress: 'allow', allow: [{ cidr: '0.0.0.0/0' }] },
    }),
    tool: 'where',
    input: {},
    answer: 'node inline',
  },
};
const NAMES = Object.keys(CASES);

beforeAll(async () => {
  release = await startRelease(({ name, namespace }) => ({
    images: { archon: imageValues(FIXTURES.archon) },
    allow: { images: true },
    servers: { allowedImages: Object.values(FIXTURES) },
    settings: { remote: { allowedHosts: [`${name}-gateway.${namespace}.svc`] } },
  }));
  const texts = { 'server.py': fixture('script-server.py'), good: 'good day', short: 'inline' };
  const literals = Object.entries(texts).map(([key, text]) => `--from-literal=${key}=${text}`);
  inServers('create', 'configmap', 'scripts', ...literals);
  inServers('create', 'secret', 'generic', 'elsewhere', `--from-literal=key=${release.key}`);
  inServers('label', 'secret', 'elsewhere', 'berth.dev/usable=true');
  await Promise.all(NAMES.map((name) => release.run({ name, ...CASES[name]?.spec(release) })));
}, START_MS);
afterAll(async () => {
  if (!release) return;
  inServers('delete', '--ignore-not-found', 'configmap/scripts', 'secret/elsewhere');
  await release.close();
});

describe.each(NAMES)('%s', (name) => {
  const { tool, input, answer } = CASES[name] as Case;

  it.each(CLIENTS)('is listed and called by the SDK client %s', async (flavour) => {
    const client = await connectSdk(flavour, release.serverUrl(name), { key: release.key });
    try {
      expect(client.era).toBe(eraOf(flavour));
      expect(await client.listTools()).toContain(tool);
      expect(await client.callTool(tool, input)).toBe(answer);
    } finally {
      await client.close();
    }
  });
});

interface PodObject {
  readonly spec: {
    readonly nodeSelector?: object;
    readonly tolerations?: readonly object[];
    readonly affinity?: object;
    readonly containers: readonly Container[];
    readonly initContainers: readonly Container[];
  };
}
interface Container {
  readonly name: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly ports?: readonly object[];
  readonly resources: object;
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
}
interface Probe {
  readonly httpGet?: { readonly path: string; readonly port: number };
}

async function podOf(server: string): Promise<PodObject> {
  const [pod] = await release.serverPods(server);
  return read<PodObject>('pod', pod?.metadata.name ?? '', '-n', release.servers);
}

describe("the pod of Archon's server", () => {
  it.each([
    ['by its source', 'archon'],
    ['by the name of its template', 'archon-core'],
  ])('has its variables, of which a given one counts before ours, and its probes: %s', async (_by, name) => {
    const { spec } = await podOf(name);
    const workload = spec.initContainers.find(({ name }) => name === 'workload');
    const env = Object.fromEntries(workload?.env?.map(({ name, value }) => [name, value]) ?? []);
    expect(env).toMatchObject({
      ARCHON_MCP_HOST: '0.0.0.0',
      ARCHON_MCP_PORT: '8051',
      LOG_LEVEL: 'DEBUG',
      DEPLOYMENT_MODE: 'kubernetes',
      SERVICE_DISCOVERY_MODE: 'kubernetes',
      KUBERNETES_NAMESPACE: release.servers,
    });
    const health = { path: '/health', port: 8_051 };
    for (const probe of [workload?.startupProbe, workload?.livenessProbe, workload?.readinessProbe])
      expect(probe?.httpGet).toMatchObject(health);
  });

  it('is gone when the server of the template is stopped, which the catalogue says can be run', async () => {
    const template = (await (
      await fetch(`${release.url}/api/v1/templates/archon-core`, {
        headers: { authorization: `Bearer ${release.key}` },
      })
    ).json()) as { status: string };
    expect(template.status).toBe('active');
    await release.api.stop('archon-core', false);
    await steady('archon-core is stopped, without pods', async () => {
      const { status } = await release.api.get('archon-core');
      return status.state === 'stopped' && (await release.serverPods('archon-core')).length === 0
        ? true
        : undefined;
    });
  });
});

describe('a specification that does not fit together', () => {
  it.each([
    [
      'ranges without egress',
      { source: { npm: { name: 'x' } }, network: { allow: [{ cidr: '10.0.0.0/8' }] } },
      'egress allow',
    ],
    [
      "the supervisor's user",
      { source: { image: { image: FIXTURES.static, entrypoint: ['/server'], runAsUser: 10_001 } } },
      'the user id of the supervisor',
    ],
    [
      'an HTTP image without its port',
      { source: { image: { image: FIXTURES.http } }, transport: 'http' },
      'required for an image that speaks http',
    ],
  ])('is refused by the API: %s', async (_what, spec, message) => {
    const before = (await release.api.list()).length;
    await expect(release.api.create({ name: 'bad', ...spec })).rejects.toMatchObject({
      code: 'bad-input',
      message: expect.stringContaining(message),
    });
    expect(await release.api.list()).toHaveLength(before);
  });

  it('is failed by the controller when its image is not allowed, and says who can allow it', async () => {
    const image = 'docker.io/library/busybox:1';
    const spec = { name: 'stranger', source: { image: { image, entrypoint: ['/bin/cat'] } } };
    await expect(release.run(spec)).rejects.toMatchObject({
      cause: { message: expect.stringMatching(/is not allowed here.*servers\.allowedImages/) },
    });
    await release.remove('stranger');
  });
});

it("puts a server's resources and placement into its pod", async () => {
  const resources = { requests: { cpu: '15m', memory: '48Mi' }, limits: { cpu: '500m', memory: '256Mi' } };
  const tolerations = [{ key: 'test', operator: 'Exists', effect: 'NoSchedule' }];
  const affinity = {
    nodeAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        { weight: 1, preference: { matchExpressions: [{ key: 'never', operator: 'Exists' }] } },
      ],
    },
  };
  const placement = { nodeSelector: { 'kubernetes.io/os': 'linux' }, tolerations, affinity };
  const source = { script: { runtime: 'node', code: fixture('script-server.mjs') } };
  await release.run({ name: 'placed', source, resources, placement });
  const { spec } = await podOf('placed');
  expect(spec.containers.find(({ name }) => name === 'workload')?.resources).toEqual(resources);
  expect(spec.nodeSelector).toEqual(placement.nodeSelector);
  expect(spec.tolerations).toEqual(expect.arrayContaining(tolerations));
  expect(spec.affinity).toEqual(affinity);
  await release.remove('placed');
});

describe('the samples', () => {
  const sample = (name: string): string =>
    readFileSync(new URL(`../../examples/servers/${name}`, import.meta.url), 'utf8');
  const apply = (text: string): string =>
    run('kubectl', ['apply', '-n', release.servers, '--server-side', '--validate=strict', '-f', '-'], text);

  it('have a server in one file, made by kubectl', async () => {
    apply(sample('script.yaml'));
    await steady('dice runs', async () =>
      (await release.api.get('dice')).status.state === 'running' ? true : undefined,
    );
    const client = await connectSdk('v1 streamable-http', release.serverUrl('dice'), { key: release.key });
    expect(await client.callTool('roll', {})).toMatch(/^a [1-6] of 6$/);
    await client.close();
    await release.remove('dice');
  });

  it('have a Deployment of your own, which is found, stopped and started', async () => {
    const image = 'registry.example.com/my-mcp:1.0.0';
    expect(sample('deployment.yaml')).toContain(image);
    apply(sample('deployment.yaml').replace(image, FIXTURES.archon));
    try {
      const until = (state: string) =>
        steady(`my-mcp is ${state}`, async () => {
          const found = (await release.api.list()).find(({ name }) => name === 'my-mcp');
          return found?.status.state === state ? found : undefined;
        });
      const found = await until('running');
      expect(found).toMatchObject({ managed: false });
      expect(found.status.endpoints).toEqual([
        { transport: 'unknown', url: expect.stringMatching(/^http:\/\/[0-9.]+:8080$/) },
      ]);
      await release.api.stop('my-mcp', false);
      await until('stopped');
      await release.api.start('my-mcp');
      await until('running');
    } finally {
      inServers('delete', 'deployment/my-mcp', 'service/my-mcp');
    }
  });
});
