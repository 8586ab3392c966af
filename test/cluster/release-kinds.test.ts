/**
 * Every kind of server beside packages, as pods of a release: images that speak HTTP, SSE, WebSocket or stdio, scripts, and servers
 * elsewhere.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { McpServer } from '../../src/cluster/mcp-server.ts';
import { connectSdk, eraOf, type SdkFlavour } from '../support/sdk-clients.ts';
import { FIXTURES } from './support/images.ts';
import { leaveForLater } from './support/left-for-later.ts';
import {
  ABSENT,
  drowsyServer,
  foreignDeployment,
  lateReferences,
  leftProcesses,
  liveServer,
  placelessServers,
} from './support/lives.ts';
import { imageValues, type RunningRelease, startRelease, steady } from './support/release.ts';
import { CASES, fixture } from './support/release-cases.ts';
import { read, run } from './support/tools.ts';
import { openVolumes, type TestVolumes } from './support/volumes.ts';

const START_MS = 300_000;
const CLIENTS: readonly SdkFlavour[] = [
  'v1 streamable-http',
  'v1 sse',
  'v2 legacy websocket',
  'v2 modern streamable-http',
];

let release: RunningRelease;
const inServers = (...args: string[]): string => run('kubectl', ['-n', release.servers, ...args]);

const NAMES = Object.keys(CASES);

beforeAll(async () => {
  release = await startRelease(({ name, namespace }) => ({
    images: { archon: imageValues(FIXTURES.archon) },
    allow: { images: true },
    servers: { allowedImages: [...Object.values(FIXTURES), ABSENT] },
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
  const { tool, input, answer } = CASES[name] ?? expect.fail(name);

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

describe('a folder that stays', () => {
  const KEPT = 'mcp-notes-data';
  const GOING = 'mcp-drafts-data';
  let volumes: TestVolumes;
  const folder = mkdtempSync(join(tmpdir(), 'berth-kinds-'));
  beforeAll(() => {
    volumes = openVolumes(release.servers, release.namespace, [KEPT, GOING]);
  }, START_MS);
  afterAll(() => {
    inServers('delete', 'pvc', '--ignore-not-found', KEPT, GOING);
    volumes?.close();
    rmSync(folder, { recursive: true });
  });

  const specOf = (whenDeleted: string): object => ({
    source: { script: { runtime: 'node', code: fixture('notes-server.mjs') } },
    env: { FOLDER: '/notes' },
    persistence: {
      ...(volumes.storageClass !== undefined && { storageClass: volumes.storageClass }),
      ...{ size: '1Gi', mountPath: '/notes', subPath: 'shelf', whenDeleted },
    },
  });
  const call = async (server: string, tool: string, input: Record<string, unknown> = {}): Promise<string> => {
    const client = await connectSdk('v1 streamable-http', release.serverUrl(server), { key: release.key });
    try {
      return await client.callTool(tool, input);
    } finally {
      await client.close();
    }
  };
  const remember = (text: string): Promise<string> => call('notes', 'remember', { text });
  const berth = async (...args: string[]): Promise<string> => {
    const env = { ...process.env, BERTH_URL: release.url, BERTH_KEY: release.key };
    const cli = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
    return (await promisify(execFile)(process.execPath, [cli, ...args], { env })).stdout;
  };
  const claims = (): string[] => inServers('get', 'pvc', '-o', 'name').split('\n').filter(Boolean);

  it("is the server's own to write, and outlives its pods", async () => {
    leaveForLater('mcpservers notes', `persistentvolumeclaims ${KEPT}`);
    await release.run({ name: 'notes', ...specOf('Retain') });
    expect(await remember('milk')).toBe('milk');
    // Of the user of the workload.
    expect(await call('notes', 'owner')).toMatch(/^10002 6\d\d as 10002$/);
    const [before] = await release.serverPods('notes');
    inServers('delete', 'pod', before?.metadata.name ?? '');
    expect(await remember('bread')).toBe('milk, bread');
    expect((await release.serverPods('notes')).map(({ metadata }) => metadata.name)).not.toContain(
      before?.metadata.name,
    );
    const { status } = read<McpServer>('mcps', 'notes', '-n', release.servers);
    expect(status?.volume).toEqual({ claim: KEPT, phase: 'Bound', capacity: expect.stringMatching(/Gi$/) });
  });

  it('outlives versions and the server itself, and is not had by two replicas', async () => {
    const change = { spec: { args: ['--another'] } };
    inServers('patch', 'mcps/notes', '--type=merge', '-p', JSON.stringify(change));
    await steady('the new version', async () => {
      const { status, metadata } = read<McpServer>('mcps', 'notes', '-n', release.servers);
      const isNew = status?.observedGeneration === metadata.generation && status?.reason === 'Ready';
      return isNew && status?.updatedReplicas === 1 ? true : undefined;
    });
    expect(await remember('oil')).toBe('milk, bread, oil');
    // As a backup is brought back: the server by its export, and the folder that is there.
    const file = join(folder, 'servers.yaml');
    writeFileSync(file, await berth('export', 'notes'));
    await release.remove('notes');
    expect(claims()).toContain(`persistentvolumeclaim/${KEPT}`);
    leaveForLater('mcpservers notes');
    await berth('import', file);
    await steady('notes runs again', async () =>
      (await release.api.get('notes')).status.state === 'running' ? true : undefined,
    );
    expect(await remember('tea')).toBe('milk, bread, oil, tea');
    const body = { replicas: 2 };
    const scaled = release.api.json('/servers/notes/scale', { method: 'POST', body });
    await expect(scaled).rejects.toMatchObject({
      code: 'bad-input',
      message: expect.stringContaining('ReadWriteMany'),
    });
  });

  it('is had by a server that waits for another one, and goes with it where that is said', async () => {
    const dependencies = [{ name: 'notes', version: '^1', tools: ['remember'] }];
    await release.remove('notes');
    await release.api.create({ name: 'drafts', ...specOf('Delete'), dependencies });
    await steady('drafts waits', async () => {
      const { status } = read<McpServer>('mcps', 'drafts', '-n', release.servers);
      return status?.reason === 'WaitingForDependencies' ? true : undefined;
    });
    const waiting = read<McpServer>('mcps', 'drafts', '-n', release.servers).status;
    expect(waiting?.message).toBe('drafts waits for notes, which is not there');
    expect(waiting?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Dependencies', status: 'False', reason: 'Missing' }),
    );
    expect(await release.serverPods('drafts')).toEqual([]);
    await release.run({ name: 'notes', ...specOf('Retain') });
    await steady('drafts runs', async () =>
      (await release.api.get('drafts')).status.state === 'running' ? true : undefined,
    );
    expect(await call('drafts', 'remember', { text: 'a first line' })).toBe('a first line');
    expect(claims()).toContain(`persistentvolumeclaim/${GOING}`);
    await release.remove('drafts');
    await steady('its claim is gone', async () =>
      claims().includes(`persistentvolumeclaim/${GOING}`) ? undefined : true,
    );
    await release.remove('notes');
  });
});

describe('the samples', () => {
  it('have a server in one file, made by kubectl', async () => {
    const file = new URL('../../examples/servers/script.yaml', import.meta.url);
    const args = ['apply', '-n', release.servers, '--server-side', '--validate=strict', '-f', '-'];
    run('kubectl', args, readFileSync(file, 'utf8'));
    await steady('dice runs', async () =>
      (await release.api.get('dice')).status.state === 'running' ? true : undefined,
    );
    const client = await connectSdk('v1 streamable-http', release.serverUrl('dice'), { key: release.key });
    expect(await client.callTool('roll', {})).toMatch(/^a [1-6] of 6$/);
    await client.close();
    await release.remove('dice');
  });
});

/** Beside each other, as pods take their time. */
describe('by its own accounts and under its policies the release', () => {
  it.concurrent(
    'scales and restarts a server, stops and removes it by force',
    () => liveServer(release),
    START_MS,
  );
  it.concurrent('lets a server sleep that nobody uses, and wakes it', () => drowsyServer(release), START_MS);
  it.concurrent('says why the cluster has no place for a server', () => placelessServers(release), START_MS);
  it.concurrent(
    'gives servers no Secret and no claim that its owner has not released, whenever it is made',
    () => lateReferences(release),
    START_MS,
  );
  it.concurrent('does the same with a Deployment of your own', () => foreignDeployment(release), START_MS);
});

it('leaves no process where neither client nor gateway is left', () => leftProcesses(release), START_MS);
