/** Deployments that others made: features 000-01 to 000-21, with the traps of their first version. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ServerView } from '../../../src/servers/server-view.ts';
import { until } from '../../link/waiting.ts';
import { status } from '../stand-in-api.ts';
import { createFixture, type Fixture, foreignDeployment, READY_WITHIN, settled } from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await createFixture();
});
afterEach(() => fixture.close());

/** Puts a Deployment there and waits until the gateway has seen it. */
async function there(name: string, replicas: number, state?: object): Promise<void> {
  const { cluster, view } = fixture;
  cluster.put('deployments', foreignDeployment(name, replicas));
  if (state) cluster.observe('deployments', name, state);
  const version = cluster.get('deployments', name)?.metadata.resourceVersion;
  await until(name, () => view.deployment(name)?.metadata.resourceVersion === version);
}

const owned = (by: string, hash: string) => ({
  labels: { app: 'web', 'pod-template-hash': hash },
  ownerReferences: [
    { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `${by}-${hash}`, uid: 'r', controller: true },
  ],
});
const spec = (name: string) => fixture.cluster.get('deployments', name)?.spec;

describe('what is listed', () => {
  it('has every Deployment with the label, marked as not ours, in two reads', async () => {
    await there('web', 2, settled(2));
    await there('idle', 0, settled(0));
    const { cluster, servers } = fixture;
    cluster.reads.length = 0;
    const list = await servers.list();
    expect(list.map(({ name, managed, status }) => [name, managed, status.state, status.replicas])).toEqual([
      ['idle', false, 'stopped', { desired: 0, ready: 0, available: 0, updated: 0 }],
      ['web', false, 'running', { desired: 2, ready: 2, available: 2, updated: 2 }],
    ]);
    expect(cluster.reads).toHaveLength(1);
  });

  it('leaves out what an MCPServer owns', async () => {
    const { cluster, servers, view } = fixture;
    const owner = {
      apiVersion: 'berth.dev/v1alpha1',
      kind: 'MCPServer',
      name: 'x',
      uid: 'u',
      controller: true,
    };
    const made = foreignDeployment('mcp-x', 1);
    cluster.put('deployments', { ...made, metadata: { ...made.metadata, ownerReferences: [owner] } });
    await until('it', () => view.deployment('mcp-x') !== undefined);
    expect(await servers.list()).toEqual([]);
    await expect(servers.stop('mcp-x')).rejects.toMatchObject({ code: 'not-found' });
  });

  it('can be narrowed by further labels, and then nothing else can be reached', async () => {
    await fixture.close();
    fixture = await createFixture({ discover: ['environment=prod', 'team'] });
    const { cluster, view, servers } = fixture;
    for (const [name, labels] of [
      ['live', { environment: 'prod', team: 'a' }],
      ['test', { environment: 'test', team: 'a' }],
      ['nobodys', { environment: 'prod' }],
    ] as const) {
      cluster.put('deployments', foreignDeployment(name, 1, labels));
      await until(name, () => view.deployment(name) !== undefined);
    }
    expect((await servers.list()).map(({ name }) => name)).toEqual(['live']);
    await expect(servers.stop('test')).rejects.toMatchObject({ code: 'not-found' });
    expect(spec('test')).toMatchObject({ replicas: 1 });
  });

  it('tells the conditions, and when something last changed', async () => {
    await there('web', 1, settled(1));
    const { status } = await fixture.servers.get('web');
    expect(status.conditions).toEqual([
      {
        type: 'Available',
        status: 'True',
        reason: 'MinimumReplicasAvailable',
        message: 'fine',
        lastUpdate: '2026-11-25T01:00:00Z',
      },
    ]);
    expect(status.lastActivity).toBe('2026-11-25T01:00:00Z');
  });

  it.each<[string, number, object | undefined, ServerView['status']['state']]>([
    ['nothing was observed yet', 1, undefined, 'pending'],
    ['no pod is ready', 2, { replicas: 2 }, 'pending'],
    ['some are', 2, { replicas: 2, updatedReplicas: 2, readyReplicas: 1 }, 'scaling'],
    ['old pods are still there', 1, { replicas: 2, updatedReplicas: 1, readyReplicas: 1 }, 'scaling'],
    ['pods are left of one that is to have none', 0, { replicas: 1, readyReplicas: 1 }, 'scaling'],
    [
      'what is ready belongs to an earlier generation',
      2,
      { ...settled(2), observedGeneration: 0 },
      'scaling',
    ],
    [
      'it does not go on',
      1,
      {
        replicas: 1,
        conditions: [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }],
      },
      'failed',
    ],
  ])('when %s', async (_what, replicas, state, expected) => {
    await there('web', replicas, state);
    expect((await fixture.servers.get('web')).status.state).toBe(expected);
  });

  it('has no answer for names that nothing has, and none for what is no name', async () => {
    const { servers } = fixture;
    await expect(servers.get('nobody')).rejects.toMatchObject({ code: 'not-found' });
    for (const name of ['', '-a', 'a-', 'größe', 'a_b', 'a/b', 'a'.repeat(254)])
      await expect(servers.get(name)).rejects.toMatchObject({ code: 'bad-input' });
    await there('web', 1, settled(1));
    expect((await servers.get('WEB')).name).toBe('web');
  });
});

describe('where it can be called', () => {
  const service = (type: string, more: object = {}, selector: object = { app: 'web' }) => ({
    metadata: { name: `svc-${type.toLowerCase()}` },
    spec: {
      type,
      selector,
      clusterIP: '10.96.0.7',
      ports: [{ port: 8080, nodePort: 30080 }, { port: 9090 }],
    },
    ...more,
  });
  const urls = async (...services: object[]) => {
    await there('web', 1, settled(1));
    for (const one of services) fixture.cluster.put('services', one as never);
    return (await fixture.servers.get('web')).status.endpoints.map(({ url }) => url);
  };

  it('is a port of a cluster address', async () => {
    expect(await urls(service('ClusterIP'))).toEqual(['http://10.96.0.7:8080', 'http://10.96.0.7:9090']);
  });

  it('is a name where there is no cluster address', async () => {
    const headless = service('ClusterIP');
    expect(await urls({ ...headless, spec: { ...headless.spec, clusterIP: 'None' } })).toEqual([
      'http://svc-clusterip.demo.svc:8080',
      'http://svc-clusterip.demo.svc:9090',
    ]);
  });

  it('is a port of every node', async () => {
    expect(await urls(service('NodePort'))).toEqual(['nodePort://*:30080']);
  });

  it('is each address of a load balancer', async () => {
    const ingress = [{ ip: '192.0.2.1' }, { hostname: 'lb.example.com' }, { ip: '2001:db8::1' }];
    expect(await urls(service('LoadBalancer', { status: { loadBalancer: { ingress } } }))).toEqual([
      'http://192.0.2.1:8080',
      'http://lb.example.com:8080',
      'http://[2001:db8::1]:8080',
      'http://192.0.2.1:9090',
      'http://lb.example.com:9090',
      'http://[2001:db8::1]:9090',
    ]);
  });

  it('is nowhere without a Service that selects its pods', async () => {
    expect(await urls(service('ClusterIP', {}, { app: 'other' }), service('NodePort', {}, {}))).toEqual([]);
  });

  it('cannot be told when the API server does not tell', async () => {
    await there('web', 1, settled(1));
    fixture.cluster.intercept = ({ path }, response) => {
      if (!path.endsWith('/services')) return false;
      const denied = 'User "gw" cannot list resource "services" in API group "" in the namespace "demo"';
      status(response, 403, 'Forbidden', denied);
      return true;
    };
    await expect(fixture.servers.get('web')).rejects.toMatchObject({
      code: 'cluster-refused',
      details: { hint: expect.stringContaining('verbs ["list"]') },
    });
  });
});

describe('start and stop', () => {
  it('change the number of replicas and nothing else', async () => {
    await there('web', 3, settled(3));
    const { servers, cluster, view } = fixture;
    const template = JSON.stringify(spec('web')?.template);
    const stopped = await servers.stop('web');
    expect([stopped.status.state, stopped.status.replicas.desired]).toEqual(['scaling', 0]);
    await until('it', () => view.deployment('web')?.spec.replicas === 0);
    await servers.start('web');
    expect(spec('web')?.replicas).toBe(3);
    expect(JSON.stringify(spec('web')?.template)).toBe(template);
    expect(cluster.writes.map(({ body }) => body)).toEqual([
      { metadata: { annotations: { 'berth.dev/replicas': '3' } }, spec: { replicas: 0 } },
      { spec: { replicas: 3 } },
    ]);
  });

  it('write nothing where nothing is to be done', async () => {
    await there('web', 2, settled(2));
    await there('idle', 0, settled(0));
    const { servers, cluster } = fixture;
    expect((await servers.start('web', { wait: true })).status.state).toBe('running');
    expect((await servers.scale('web', 2)).status.state).toBe('running');
    expect((await servers.stop('idle')).status.state).toBe('stopped');
    expect(cluster.writes).toEqual([]);
  });

  it('starts one replica where nobody knows of more', async () => {
    await there('idle', 0, settled(0));
    await fixture.servers.start('idle');
    expect(spec('idle')?.replicas).toBe(1);
  });

  it('force kills its own pods and no others, once nothing replaces them, and leaves the template alone', async () => {
    await there('web', 1, settled(1));
    const { servers, cluster } = fixture;
    cluster.put('pods', { metadata: { name: 'web-1', ...owned('web', '5d') } });
    cluster.put('pods', { metadata: { name: 'web-other-1', ...owned('web-other', '5d') } });
    cluster.put('pods', { metadata: { name: 'bare', labels: { app: 'web' } } });
    const template = JSON.stringify(spec('web')?.template);
    const stopping = servers.stop('web', { force: true });
    await until('the patch', () => spec('web')?.replicas === 0);
    expect(cluster.get('pods', 'web-1')).toBeDefined();
    cluster.observe('deployments', 'web', settled(0));
    await stopping;
    expect(cluster.written).toEqual(['PATCH deployments/web', 'DELETE pods/web-1']);
    expect(cluster.writes[1]?.body).toMatchObject({
      gracePeriodSeconds: 0,
      preconditions: { uid: expect.any(String) },
    });
    expect(JSON.stringify(spec('web')?.template)).toBe(template);
  });

  it('force says when nothing in the cluster has scaled it down, and ends no pod that would come again', async () => {
    await there('web', 1, settled(1));
    const { servers, cluster, clock } = fixture;
    cluster.put('pods', { metadata: { name: 'web-1', ...owned('web', '5d') } });
    const stopping = servers.stop('web', { force: true });
    stopping.catch(() => {});
    await until('the wait', () => clock.waits.includes(READY_WITHIN));
    clock.advance(READY_WITHIN);
    await expect(stopping).rejects.toMatchObject({
      code: 'request-timeout',
      message: 'web is to have no replicas, and the cluster has not seen that within 300 seconds',
      hint: expect.stringContaining('kube-controller-manager'),
    });
    expect(cluster.get('pods', 'web-1')).toBeDefined();
  });

  it('force that is refused says that it is stopped, and what forbids the rest', async () => {
    await there('web', 2, settled(2));
    const { servers, cluster } = fixture;
    for (const name of ['web-1', 'web-2']) cluster.put('pods', { metadata: { name, ...owned('web', '5d') } });
    cluster.intercept = ({ method, path }, response) => {
      if (method !== 'DELETE' || !path.endsWith('/web-2')) return false;
      const denied = "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: not these";
      status(response, 422, 'Invalid', `pods "web-2" is invalid: : ${denied}`);
      return true;
    };
    const stopping = servers.stop('web', { force: true });
    stopping.catch(() => {});
    await until('the patch', () => spec('web')?.replicas === 0);
    cluster.observe('deployments', 'web', settled(0));
    await expect(stopping).rejects.toMatchObject({
      code: 'cluster-refused',
      message: expect.stringMatching(
        /^web is stopped, but 1 of 2 pods could not be ended at once, and end in their own time: .*not these$/,
      ),
      hint: expect.stringContaining("The ValidatingAdmissionPolicy 'p' of the cluster forbids it"),
    });
    expect(cluster.get('pods', 'web-1')).toBeUndefined();
  });

  it('tells what the account may not do', async () => {
    await there('web', 1, settled(1));
    fixture.cluster.intercept = ({ method }, response) => {
      if (method !== 'PATCH') return false;
      const what = 'cannot patch resource "deployments" in API group "apps" in the namespace "demo"';
      status(response, 403, 'Forbidden', `deployments.apps "web" is forbidden: User "gw" ${what}`);
      return true;
    };
    await expect(fixture.servers.stop('web')).rejects.toMatchObject({
      code: 'cluster-refused',
      details: { hint: expect.stringContaining('["deployments"], verbs ["patch"]') },
    });
  });

  it('cannot remove it, run under its name or follow its start', async () => {
    await there('web', 1, settled(1));
    const { servers } = fixture;
    await expect(servers.remove('web')).rejects.toMatchObject({ code: 'not-allowed' });
    expect(() => servers.startLog('web')).toThrow('was not made by Berth');
    const spec = { name: 'web', source: { npm: { name: 'x' } }, args: [], env: {}, secrets: {}, limits: {} };
    await expect(servers.run(spec)).rejects.toMatchObject({ code: 'conflict' });
  });
});

describe('waiting until it is ready', () => {
  it('does not count what was ready before', async () => {
    await there('web', 1, settled(1));
    const { servers, cluster } = fixture;
    let done = false;
    const scaling = servers.scale('web', 2, { wait: true }).then((view) => {
      done = true;
      return view;
    });
    await until('the patch', () => spec('web')?.replicas === 2);
    cluster.put('deployments', { metadata: { name: 'web', annotations: { touched: 'yes' } } });
    cluster.observe('deployments', 'web', { ...settled(2), readyReplicas: 1 });
    await until('what was seen', () => fixture.view.deployment('web')?.status?.readyReplicas === 1);
    expect(done).toBe(false);
    cluster.observe('deployments', 'web', settled(2));
    expect((await scaling).status).toMatchObject({ state: 'running', replicas: { ready: 2 } });
  });

  it('ends with what went wrong', async () => {
    await there('web', 0, settled(0));
    const { servers, cluster } = fixture;
    const starting = servers.start('web', { wait: true });
    await until('the patch', () => spec('web')?.replicas === 1);
    const message = 'pods "web-" is forbidden: exceeded quota';
    cluster.observe('deployments', 'web', {
      conditions: [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message }],
    });
    await expect(starting).rejects.toMatchObject({ code: 'start-failed', message });
  });

  it('ends after its time, and says how long that was', async () => {
    await there('web', 0, settled(0));
    const { servers, clock } = fixture;
    const starting = servers.start('web', { wait: true });
    await until('the patch', () => spec('web')?.replicas === 1);
    await until('the wait', () => clock.waits.includes(READY_WITHIN));
    clock.advance(READY_WITHIN);
    await expect(starting).rejects.toMatchObject({
      code: 'request-timeout',
      message: 'web did not become ready within 300 seconds',
    });
  });

  it('ends with whoever waits, or with the Deployment', async () => {
    await there('web', 0, settled(0));
    const { servers, cluster, view } = fixture;
    const leaving = new AbortController();
    const one = servers.start('web', { wait: true, signal: leaving.signal });
    await until('the patch', () => view.deployment('web')?.spec.replicas === 1);
    leaving.abort(new Error('gone'));
    await expect(one).rejects.toThrow('gone');
    const reads = cluster.reads.length;
    const other = servers.start('web', { wait: true });
    await until('its look', () => cluster.reads.length > reads);
    cluster.remove('deployments', 'web');
    cluster.put('deployments', foreignDeployment('web', 1));
    await expect(other).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('restart', () => {
  it('sets the annotation that kubectl sets, and waits for new pods', async () => {
    await there('web', 1, settled(1));
    const { servers, cluster } = fixture;
    const restarting = servers.restart('web', { wait: true });
    await until('the patch', () => cluster.writes.length === 1);
    const annotations = { 'kubectl.kubernetes.io/restartedAt': expect.any(String) };
    expect(cluster.writes[0]?.body).toEqual({ spec: { template: { metadata: { annotations } } } });
    cluster.observe('deployments', 'web', settled(1));
    expect((await restarting).status.state).toBe('running');
  });

  it('starts what was stopped', async () => {
    await there('web', 0, settled(0));
    await fixture.servers.restart('web');
    expect(fixture.cluster.writes.map(({ body }) => body)).toEqual([{ spec: { replicas: 1 } }]);
  });
});

it('logs come from all containers of its pods, in one order', async () => {
  await there('web', 1, settled(1));
  const { servers, cluster } = fixture;
  cluster.put('pods', {
    metadata: {
      name: 'web-1',
      labels: { app: 'web', 'pod-template-hash': '5d' },
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-5d', uid: 'r', controller: true },
      ],
    },
    spec: { containers: [{ name: 'one' }, { name: 'two' }] },
  });
  cluster.logs.set('web-1/one', '2026-11-25T00:00:01Z first\n2026-11-25T00:00:03Z third');
  cluster.logs.set('web-1/two', '2026-11-25T00:00:02.5Z second\n');
  const lines = await servers.logs('web', 10);
  expect(lines.map(({ text, container, replica }) => [text, container, replica])).toEqual([
    ['first', 'one', 'web-1'],
    ['second', 'two', 'web-1'],
    ['third', 'one', 'web-1'],
  ]);
  expect((await servers.logs('web', 1)).map(({ text }) => text)).toEqual(['third']);
  const followed: string[] = [];
  const leave = servers.followLogs('web', ({ text }) => followed.push(text));
  await until('the lines', () => followed.length === 3);
  leave();
});

describe('logs of pods on a node that is gone', () => {
  const pod = (name: string) => ({
    metadata: {
      name,
      labels: { app: 'web', 'pod-template-hash': '5d' },
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-5d', uid: 'r', controller: true },
      ],
    },
    spec: { containers: [{ name: 'one' }, { name: 'two' }] },
  });
  const silent = (pods: readonly string[]): void => {
    fixture.cluster.intercept = ({ path }, response) => {
      if (!path.endsWith('/log') || !pods.some((name) => path.includes(`/${name}/`))) return false;
      status(response, 500, 'InternalError', 'dial tcp 10.0.0.9:10250: connect: no route to host');
      return true;
    };
  };

  beforeEach(async () => {
    await there('web', 2, settled(2));
    for (const name of ['web-1', 'web-2']) fixture.cluster.put('pods', pod(name));
    fixture.cluster.logs.set('web-1/one', '2026-11-25T00:00:01Z first\n2026-11-25T00:00:03Z second\n');
  });

  it('are left out, which is told once for each pod', async () => {
    silent(['web-2']);
    const lines = await fixture.servers.logs('web', 10);
    expect(lines.map(({ text }) => text)).toEqual([
      'first',
      'second',
      expect.stringMatching(/^web-2 is left out: cannot read the log of .*web-2.*no route to host/),
    ]);
    expect(lines[2]).toMatchObject({ replica: 'web-2', source: 'gateway', level: 'warn' });
    expect(await fixture.servers.logs('web', 2)).toHaveLength(2);
  });

  it('cannot be read when there is no other', async () => {
    silent(['web-1', 'web-2']);
    await expect(fixture.servers.logs('web', 10)).rejects.toMatchObject({
      message: expect.stringContaining('no route to host'),
    });
  });
});

it('what another gateway has done a moment ago counts', async () => {
  await there('web', 2, settled(2));
  const { view, servers } = fixture;
  vi.spyOn(view, 'deployment').mockReturnValue(view.deployment('web'));
  await servers.stop('web');
  await servers.start('web');
  expect(spec('web')?.replicas).toBe(2);
  await servers.scale('web', 4);
  await servers.scale('web', 2);
  expect(spec('web')?.replicas).toBe(2);
});
