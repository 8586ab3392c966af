/** The life of servers, and of a Deployment of others, through the API of a release: by its own accounts, and under its policies. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { McpServer } from '../../../src/cluster/mcp-server.ts';
import type { ServerView } from '../../../src/servers/server-view.ts';
import { connectSdk, type SdkClient } from '../../support/sdk-clients.ts';
import { FIXTURES } from './images.ts';
import { pidsOf } from './processes.ts';
import { type RunningRelease, steady } from './release.ts';
import { fixture } from './release-cases.ts';
import { attempt, read, run, runBeside } from './tools.ts';

/** An image that nobody has; the release has to allow it. */
export const ABSENT = '127.0.0.1:9/absent:1';
const SCRIPT = { source: { script: { runtime: 'node', code: fixture('script-server.mjs') } } };

/** Scaled, restarted, stopped and removed by force. */
export async function liveServer(release: RunningRelease): Promise<void> {
  const uids = async () => (await release.serverPods('lively')).map(({ metadata }) => metadata.uid);
  await release.run({ name: 'lively', ...SCRIPT });
  await post(release, 'lively/scale', { replicas: 2 });
  await untilRunning(release, 'lively', 2);
  await post(release, 'lively/scale', { replicas: 1 });
  await untilRunning(release, 'lively', 1);
  await steady('one pod', async () => ((await uids()).length === 1 ? true : undefined));
  const before = await uids();
  await post(release, 'lively/restart?wait=ready');
  await steady('another pod alone', async () => {
    const now = await uids();
    return now.length === 1 && now[0] !== before[0] ? true : undefined;
  });
  const client = await open(release, 'lively');
  expect(await client.callTool('where', {})).toMatch(/^node/);
  const stopped = await uids();
  await release.api.stop('lively', true);
  // At once, although it has a session that could have gone on.
  expect(await uids()).not.toContain(stopped[0]);
  await client.close().catch(() => {});
  await until(release, 'lively', ({ status }) => status.state === 'stopped');
  await release.api.start('lively');
  await untilRunning(release, 'lively', 1);
  const removed = await uids();
  await release.api.remove('lively', true);
  expect(await uids()).not.toContain(removed[0]);
}

/** Sleeps when nobody uses it, until it is called. */
export async function drowsyServer(release: RunningRelease): Promise<void> {
  await release.run({ name: 'drowsy', ...SCRIPT, limits: { sleep: 3_000 } });
  await untilReason(release, 'drowsy', 'Asleep');
  await steady('the end of its pods', async () =>
    (await release.serverPods('drowsy')).length === 0 ? true : undefined,
  );
  const client = await open(release, 'drowsy');
  expect(await client.callTool('where', {})).toMatch(/^node/);
  await client.close();
  await release.remove('drowsy');
}

/** What the cluster says of servers that it has no place or no image for, and what to do about it. */
export async function placelessServers(release: RunningRelease): Promise<void> {
  const quota = { metadata: { name: 'small' }, spec: { hard: { 'requests.ephemeral-storage': '1Mi' } } };
  const object = { apiVersion: 'v1', kind: 'ResourceQuota', ...quota };
  run('kubectl', ['-n', release.servers, 'create', '-f', '-'], JSON.stringify(object));
  await steady('the quota', async () => {
    const { status } = read<{ status?: { hard?: object } }>('quota', 'small', '-n', release.servers);
    return status?.hard ? true : undefined;
  });
  const cases: readonly [
    name: string,
    spec: object,
    state: string,
    reason: string,
    says: string,
    hint: string,
  ][] = [
    [
      'crowded',
      { ...SCRIPT, resources: { requests: { 'ephemeral-storage': '1Gi' } } },
      ...(['failed', 'QuotaExceeded', 'exceeded quota: small', 'Raise the ResourceQuota'] as const),
    ],
    [
      'nowhere',
      { ...SCRIPT, placement: { nodeSelector: { 'berth.dev/test': 'never' } } },
      ...(['pending', 'Unschedulable', 'node', 'spec.placement'] as const),
    ],
    [
      'absent',
      { source: { image: { image: ABSENT, entrypoint: ['/server'] } } },
      ...(['failed', 'ImagePullBackOff', ABSENT, 'Check the name of the image'] as const),
    ],
  ];
  await Promise.all(
    cases.map(async ([name, spec, state, reason, says, hint]) => {
      await release.api.create({ name, ...spec });
      const status = await untilReason(release, name, reason);
      expect([name, status?.state, status?.conditions?.find(({ type }) => type === 'Ready')]).toMatchObject([
        name,
        state,
        { status: 'False', reason },
      ]);
      const { status: told } = await until(release, name, (server) => server.status.reason === reason);
      expect(told).toMatchObject({
        message: expect.stringContaining(says),
        hint: expect.stringContaining(hint),
      });
      await release.remove(name);
    }),
  );
  run('kubectl', ['-n', release.servers, 'delete', 'quota', 'small']);
}

/** Secrets and claims that are made after the server that names them, released, withdrawn, and released again. */
export async function lateReferences(release: RunningRelease): Promise<void> {
  const kubectl = (...args: string[]) => run('kubectl', ['-n', release.servers, ...args]);
  const free = (target: string) => kubectl('label', ...target.split('/'), 'berth.dev/usable=true');
  const podsOf = async (name: string) => (await release.serverPods(name)).length;
  const secrets = [{ name: 'TOKEN', secretKeyRef: { name: 'later', key: 'token' } }];
  const claim = {
    metadata: { name: 'later' },
    spec: {
      ...{ storageClassName: 'none-of-this-name', accessModes: ['ReadWriteOnce'] },
      resources: { requests: { storage: '1Gi' } },
    },
  };
  // By kubectl: the way past the gateway is the same.
  make(release, 'MCPServer', { metadata: { name: 'late' }, spec: { ...SCRIPT, secrets } });
  const persistence = { existingClaim: 'later' };
  make(release, 'MCPServer', { metadata: { name: 'late-folder' }, spec: { ...SCRIPT, persistence } });
  await untilReason(release, 'late', 'ReferenceMissing');
  await untilReason(release, 'late-folder', 'ReferenceMissing');
  kubectl('create', 'secret', 'generic', 'later', '--from-literal=token=x');
  make(release, 'PersistentVolumeClaim', claim, 'v1');
  const waiting = await untilReason(release, 'late', 'SecretNotReleased');
  expect(waiting).toMatchObject({
    ...{ state: 'pending', replicas: 0 },
    hint: expect.stringContaining(`kubectl -n ${release.servers} label secret later berth.dev/usable=true`),
  });
  await untilReason(release, 'late-folder', 'ClaimNotReleased');
  expect([await podsOf('late'), await podsOf('late-folder')]).toEqual([0, 0]);
  // Another server that names it is refused at once, as the caller's mistake.
  const another = {
    name: 'later-still',
    ...SCRIPT,
    secrets: { TOKEN: { fromSecret: secrets[0]?.secretKeyRef } },
  };
  await expect(release.api.create(another)).rejects.toMatchObject({
    code: 'not-allowed',
    message: 'Secret later may not be used by servers',
  });
  free('pvc/later');
  free('secret/later');
  await untilRunning(release, 'late', 1);
  await steady('a pod for the folder', async () => ((await podsOf('late-folder')) === 1 ? true : undefined));
  // Made anew by somebody who does not say again that servers may have it.
  kubectl('delete', 'secret', 'later');
  kubectl('create', 'secret', 'generic', 'later', '--from-literal=token=y');
  await steady('no pod that has it', async () => ((await podsOf('late')) === 0 ? true : undefined));
  await untilReason(release, 'late', 'SecretNotReleased');
  free('secret/later');
  await untilRunning(release, 'late', 1);
  await release.remove('late');
  await release.remove('late-folder');
  kubectl('delete', 'secret/later', 'pvc/later');
}

/** The sample: found, read, scaled, restarted, stopped gently and by force, started. */
export async function foreignDeployment(release: RunningRelease): Promise<void> {
  const kubectl = (args: readonly string[], input?: string) =>
    run('kubectl', ['-n', release.servers, ...args], input);
  const uids = () => {
    const args = ['-l', 'app.kubernetes.io/name=my-mcp', '-o', 'jsonpath={.items[*].metadata.uid}'];
    return kubectl(['get', 'pods', ...args])
      .split(' ')
      .filter(Boolean);
  };
  const sample = readFileSync(new URL('../../../examples/servers/deployment.yaml', import.meta.url), 'utf8');
  const image = 'registry.example.com/my-mcp:1.0.0';
  expect(sample).toContain(image);
  kubectl(['apply', '--server-side', '--validate=strict', '-f', '-'], sample.replace(image, FIXTURES.archon));
  try {
    const found = await untilRunning(release, 'my-mcp', 1);
    expect(found).toMatchObject({ managed: false });
    expect(found.status.endpoints).toEqual([
      { transport: 'unknown', url: expect.stringMatching(/^http:\/\/[0-9.]+:8080$/) },
    ]);
    const lines: string[] = [];
    for await (const { text } of release.api.logs('my-mcp', { tail: 10, follow: false })) lines.push(text);
    expect(lines).toContain('listening on 8080');
    const before = uids();
    await post(release, 'my-mcp/scale', { replicas: 2 });
    await untilRunning(release, 'my-mcp', 2);
    await post(release, 'my-mcp/restart');
    await steady('two other pods', async () => {
      const now = uids();
      return now.length === 2 && !now.some((uid) => before.includes(uid)) ? true : undefined;
    });
    await release.api.stop('my-mcp', false);
    await until(release, 'my-mcp', ({ status }) => status.state === 'stopped');
    await release.api.start('my-mcp');
    await untilRunning(release, 'my-mcp', 2);
    const killed = uids();
    await release.api.stop('my-mcp', true);
    expect(uids().filter((uid) => killed.includes(uid))).toEqual([]);
    await until(release, 'my-mcp', ({ status }) => status.state === 'stopped');
  } finally {
    kubectl(['delete', 'deployment/my-mcp', 'service/my-mcp']);
  }
}

/** Processes whose client is gone, and every gateway, end by themselves. */
export async function leftProcesses(release: RunningRelease): Promise<void> {
  await release.run({ name: 'left', ...SCRIPT, limits: { idle: 3_000, sleep: 0 } });
  const client = await open(release, 'left');
  expect(await client.callTool('where', {})).toMatch(/^node/);
  const [pod] = await release.serverPods('left');
  const inPod = {
    run: (container: string, command: readonly string[]) => {
      const args = ['-n', release.servers, 'exec', pod?.metadata.name ?? '', '-c', container];
      return runBeside('kubectl', [...args, '--', ...command]);
    },
  };
  const processes = async () => (await pidsOf(inPod, 'workload', { program: '/node' })).length;
  const inRelease = (...args: string[]) => attempt('kubectl', ['-n', release.namespace, ...args]);
  const scale = (replicas: number) =>
    inRelease('scale', `deployment/${release.name}-gateway`, `--replicas=${replicas}`);
  expect(await processes()).toBe(1);
  scale(0);
  inRelease('delete', 'pod', '-l', 'app.kubernetes.io/component=gateway', '--grace-period=0', '--force');
  await steady('no gateway', async () => ((await release.pods('gateway')).length === 0 ? true : undefined));
  await steady('no process', async () => ((await processes()) === 0 ? true : undefined));
  expect(await release.pods('gateway')).toEqual([]);
  await client.close().catch(() => {});
  scale(2);
  await steady('an answer', async () => {
    const next = await open(release, 'left').catch(() => undefined);
    const answer = await next?.callTool('where', {}).catch(() => undefined);
    await next?.close().catch(() => {});
    return answer?.startsWith('node') ? true : undefined;
  });
}

function make(
  release: RunningRelease,
  kind: string,
  object: object,
  apiVersion = 'berth.dev/v1alpha1',
): void {
  const args = ['-n', release.servers, 'create', '-f', '-'];
  run('kubectl', args, JSON.stringify({ apiVersion, kind, ...object }));
}

function open(release: RunningRelease, server: string): Promise<SdkClient> {
  return connectSdk('v1 streamable-http', release.serverUrl(server), { key: release.key });
}

function post(release: RunningRelease, path: string, body?: object): Promise<unknown> {
  return release.api.json(`/servers/${path}`, { method: 'POST', ...(body && { body }) });
}

/** As the API has it; the gateway that is asked may be behind the one that did it. */
function until(
  release: RunningRelease,
  name: string,
  isReached: (server: ServerView) => boolean,
): Promise<ServerView> {
  return steady(`${name} as it is to be`, async () => {
    const { servers } = await release.api.json<{ servers: readonly ServerView[] }>('/servers');
    return servers.find((server) => server.name === name && isReached(server));
  });
}

function untilRunning(release: RunningRelease, name: string, replicas: number): Promise<ServerView> {
  return until(release, name, ({ status }) => {
    return status.state === 'running' && status.replicas.ready === replicas;
  });
}

/** As the controller has it. */
function untilReason(
  release: RunningRelease,
  name: string,
  reason: string,
): Promise<NonNullable<McpServer['status']>> {
  return steady(`${name} is ${reason}`, async () => {
    const { status } = read<McpServer>('mcps', name, '-n', release.servers);
    return status?.reason === reason ? status : undefined;
  });
}
