/** MCPServers behind the API: what each verb writes, and what it waits for. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiClient } from '../../../src/cluster/api-client.ts';
import { wakeServer } from '../../../src/cluster/gateway/wake.ts';
import { INPUT_LABEL } from '../../../src/cluster/objects/naming.ts';
import { BerthError } from '../../../src/errors.ts';
import { parseServerSpec } from '../../../src/servers/server-spec.ts';
import { NO_USAGE } from '../../../src/servers/usage.ts';
import { until } from '../../link/waiting.ts';
import { status } from '../stand-in-api.ts';
import { createFixture, type Fixture, READY_WITHIN, serverPod, settled } from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await createFixture({
    maxServers: 3,
    check: (spec) => {
      if (spec.name.startsWith('forbidden')) throw new BerthError('not-allowed', 'forbidden here');
    },
  });
});
afterEach(() => fixture.close());

const SPEC = parseServerSpec({
  name: 'everything',
  source: { npm: { name: '@modelcontextprotocol/server-everything', version: '2026.8.31' } },
  env: { LOG: 'debug' },
  replicas: 2,
});
const RUNNING = {
  state: 'running',
  reason: 'Ready',
  message: 'everything runs',
  ...settled(2),
  selector: 'a=b',
  protocolVersion: '2025-11-25',
  sessions: 4,
};

const resource = (name = 'everything') => fixture.cluster.get('mcpservers', name);

/** Makes a server and waits until the gateway has seen it as the controller left it. */
async function there(about: object | undefined, spec: object = {}) {
  const { cluster, servers, view } = fixture;
  await servers.run(SPEC);
  if (Object.keys(spec).length > 0)
    cluster.put('mcpservers', { ...resource(), spec: { ...resource()?.spec, ...spec } } as never);
  if (about) cluster.observe('mcpservers', 'everything', about);
  await seen();
  cluster.writes.length = 0;
  return view;
}

async function seen(name = 'everything'): Promise<void> {
  const version = resource(name)?.metadata.resourceVersion;
  await until('what was written', () => fixture.view.server(name)?.metadata.resourceVersion === version);
}

describe('a server that another gateway made a moment ago', () => {
  beforeEach(async () => {
    await fixture.servers.run(SPEC);
    // As if the news had not come here yet.
    vi.spyOn(fixture.view, 'server').mockReturnValue(undefined);
  });

  it('is there', async () => {
    expect((await fixture.servers.get('everything')).name).toBe('everything');
    expect((await fixture.servers.scale('everything', 4)).status.replicas.desired).toBe(4);
  });

  it('is not confused with one that is nowhere', async () => {
    await expect(fixture.servers.get('nowhere')).rejects.toMatchObject({ code: 'not-found' });
    await expect(fixture.servers.remove('nowhere')).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('running a server', () => {
  it('applies an MCPServer as its own manager', async () => {
    const { cluster, servers } = fixture;
    const { server, created } = await servers.run(SPEC);
    expect(created).toBe(true);
    expect(server).toMatchObject({
      name: 'everything',
      id: resource()?.metadata.uid,
      spec: { env: { LOG: 'debug' }, replicas: 2 },
      status: { state: 'pending', reason: 'WaitingForController', replicas: { desired: 2, ready: 0 } },
    });
    expect(server.managed).toBeUndefined();
    expect(server.status.endpoints[0]?.url).toBe('https://berth.example.com/servers/everything/mcp');
    expect(cluster.writes.map(({ query }) => query.get('fieldManager'))).toEqual(['berth-gateway']);
    expect(resource()?.spec).toEqual({
      source: { npm: { name: '@modelcontextprotocol/server-everything', version: '2026.8.31' } },
      env: [{ name: 'LOG', value: 'debug' }],
      replicas: 2,
    });
  });

  it('starts the one that is there for the same specification', async () => {
    await there(RUNNING, { suspend: true });
    const { servers, cluster } = fixture;
    const { created } = await servers.run(SPEC);
    expect(created).toBe(false);
    expect(cluster.written).toEqual(['PATCH mcpservers/everything dry', 'PATCH mcpservers/everything']);
    expect(resource()?.spec).toMatchObject({ suspend: false, replicas: 2 });
  });

  it('keeps the number of replicas that somebody has scaled it to', async () => {
    const { servers, cluster } = fixture;
    const { replicas: _replicas, ...spec } = SPEC;
    await servers.run(spec);
    cluster.put('mcpservers', { ...resource(), spec: { ...resource()?.spec, replicas: 5 } } as never);
    expect((await servers.run(spec)).created).toBe(false);
    expect(resource()?.spec.replicas).toBe(5);
  });

  it.each([
    ['another specification', { env: { LOG: 'info' } }],
    ['less than was asked for before', { env: {} }],
  ])('refuses %s under its name', async (_what, change) => {
    await there(RUNNING);
    const { servers, cluster } = fixture;
    await expect(servers.run({ ...SPEC, ...change })).rejects.toMatchObject({ code: 'conflict' });
    expect(cluster.written).toEqual(['PATCH mcpservers/everything dry']);
  });

  it('takes a corrected one for a server that has never run', async () => {
    const failed = { ...RUNNING, state: 'failed', message: 'no such package', protocolVersion: undefined };
    await there(JSON.parse(JSON.stringify(failed)));
    const { servers } = fixture;
    await servers.run({ ...SPEC, env: { LOG: 'info' } });
    expect(resource()?.spec.env).toEqual([{ name: 'LOG', value: 'info' }]);
  });

  it('is refused before anything is written, and beyond the limit', async () => {
    const { servers, cluster } = fixture;
    await expect(servers.run({ ...SPEC, name: 'forbidden' })).rejects.toMatchObject({ code: 'not-allowed' });
    const secret = { ...SPEC, secrets: { KEY: { fromEnv: 'KEY' } } };
    await expect(servers.run(secret)).rejects.toMatchObject({
      code: 'bad-input',
      details: { fields: [{ pointer: '/secrets/KEY' }] },
    });
    expect(cluster.writes).toEqual([]);
    for (const name of ['a', 'b', 'c']) {
      await servers.run({ ...SPEC, name });
      await seen(name);
    }
    await expect(servers.run(SPEC)).rejects.toMatchObject({ code: 'limit-reached' });
  });

  it('says what the API server says', async () => {
    const { servers, cluster } = fixture;
    cluster.intercept = ({ method }, response) => {
      if (method !== 'PATCH') return false;
      status(response, 422, 'Invalid', 'MCPServer.berth.dev "everything" is invalid: spec: exactly one of …');
      return true;
    };
    await expect(servers.run(SPEC)).rejects.toMatchObject({
      message: expect.stringContaining('exactly one of'),
    });
  });
});

describe('a reference that its owner has not released', () => {
  const command = (kind: string, name: string): string =>
    `kubectl -n demo label ${kind} ${name} berth.dev/usable=true`;
  /** In the words of the chart's policies, as test/cluster/admission.test.ts reads them back. */
  const refuse = (policy: string, says: string): void => {
    const by = `ValidatingAdmissionPolicy 'mcp-berth-${policy}' with binding 'mcp-berth-${policy}'`;
    fixture.cluster.intercept = ({ method }, response) => {
      if (method !== 'PATCH') return false;
      status(response, 422, 'Invalid', `mcpservers "everything" is forbidden: ${by} denied request: ${says}`);
      return true;
    };
  };
  const secret = { fromSecret: { name: 'private', key: 'token' } };

  it('is the mistake of who names it: which field, and which command would release it', async () => {
    refuse(
      'references',
      `Secret private may not be used by servers; to allow it: ${command('secret', 'private')}`,
    );
    const named = { ...SPEC, secrets: { KEY: secret, OTHER: { fromSecret: { name: 'mine', key: 'a' } } } };
    const refused = fixture.servers.run(named);
    await expect(refused).rejects.toMatchObject({
      code: 'not-allowed',
      message: 'Secret private may not be used by servers',
      hint: expect.stringContaining(command('secret', 'private')),
      details: {
        fields: [{ pointer: '/secrets/KEY', detail: 'is not labelled berth.dev/usable=true' }],
      },
    });
  });

  it('may be a header of a server elsewhere, or a claim', async () => {
    refuse(
      'references',
      `Secret private may not be used by servers; to allow it: ${command('secret', 'private')}`,
    );
    const url = 'https://mcp.example.com/mcp';
    const remote = { name: 'everything', source: { remote: { url, headers: { Authorization: secret } } } };
    await expect(fixture.servers.run(parseServerSpec(remote))).rejects.toMatchObject({
      code: 'not-allowed',
      details: { fields: [{ pointer: '/source/remote/headers/Authorization' }] },
    });
    refuse(
      'claim-references',
      `claim theirs may not be used by servers; to allow it: ${command('pvc', 'theirs')}`,
    );
    const keeping = parseServerSpec({ ...SPEC, replicas: 1, persistence: { existingClaim: 'theirs' } });
    await expect(fixture.servers.run(keeping)).rejects.toMatchObject({
      code: 'not-allowed',
      message: 'claim theirs may not be used by servers',
      details: { fields: [{ pointer: '/persistence/existingClaim' }] },
    });
  });

  it('is no excuse for what another policy of the cluster refuses', async () => {
    refuse('workloads', 'images not allowed');
    await expect(fixture.servers.run(SPEC)).rejects.toMatchObject({ code: 'cluster-refused' });
  });
});

describe('waiting until it is ready', () => {
  it('believes only a status of what was written', async () => {
    await there(RUNNING, { suspend: true });
    const { servers, cluster } = fixture;
    let done = false;
    const starting = servers.start('everything', { wait: true }).then((view) => {
      done = true;
      return view;
    });
    await until('the patch', () => resource()?.spec.suspend === false);
    await seen();
    expect((await servers.get('everything')).status.state).toBe('scaling');
    expect(done).toBe(false);
    cluster.observe('mcpservers', 'everything', { ...RUNNING, state: 'starting', readyReplicas: 0 });
    await seen();
    expect(done).toBe(false);
    cluster.observe('mcpservers', 'everything', RUNNING);
    expect((await starting).status).toMatchObject({ state: 'running', sessions: 4, replicas: { ready: 2 } });
  });

  it('rejects with phase, message and hint of a failed start', async () => {
    const { servers, cluster } = fixture;
    const running = servers.run(SPEC, { wait: true });
    await until('it', () => resource() !== undefined);
    const failed = {
      ...RUNNING,
      state: 'failed',
      phase: 'install',
      message: 'npm error 404',
      hint: 'Check the name.',
    };
    cluster.observe('mcpservers', 'everything', failed);
    await expect(running).rejects.toMatchObject({
      code: 'start-failed',
      message: 'npm error 404',
      details: { phase: 'install', hint: 'Check the name.' },
    });
    await seen();
    expect((await servers.get('everything')).status).toMatchObject({
      state: 'failed',
      health: 'unhealthy',
      failure: { code: 'start-failed', phase: 'install', hint: 'Check the name.' },
    });
  });

  it('tells how its process ended, and what its checks say, as on one machine', async () => {
    const { servers, cluster } = fixture;
    await there(RUNNING);
    const failure = { code: 'start-failed', exitCode: 7, stderr: ['KEY is missing'] };
    const lastCheck = { at: '2026-11-25T11:59:00Z', ms: 9, failures: 3 };
    const unwell = { ...RUNNING, state: 'degraded', message: 'locked', phase: 'handshake', processes: 4 };
    cluster.observe('mcpservers', 'everything', { ...unwell, failure, lastCheck });
    await seen();
    const { status } = await servers.get('everything');
    expect(status).toMatchObject({
      ...{ state: 'degraded', health: 'unhealthy', processes: 4 },
      failure: { ...failure, message: 'locked', phase: 'handshake' },
      lastCheck: { ms: 9, failures: 3, at: '2026-11-25T11:59:00.000Z' },
    });
    expect(await servers.checkHealth('everything')).toMatchObject({ failure, lastCheck: { failures: 3 } });
    cluster.observe('mcpservers', 'everything', { ...unwell, state: 'failed', failure });
    await expect(servers.start('everything', { wait: true })).rejects.toMatchObject({
      details: { exitCode: 7, stderr: ['KEY is missing'] },
    });
  });

  it('ends when it is stopped meanwhile, and after its time', async () => {
    await there(undefined);
    const { servers, cluster, clock } = fixture;
    const first = servers.start('everything', { wait: true });
    await servers.stop('everything');
    cluster.observe('mcpservers', 'everything', { ...RUNNING, state: 'stopped' });
    await expect(first).rejects.toMatchObject({ code: 'stopped' });
    await seen();
    const second = servers.start('everything', { wait: true });
    await until('the wait', () => clock.waits.includes(READY_WITHIN));
    clock.advance(READY_WITHIN);
    await expect(second).rejects.toMatchObject({ code: 'request-timeout' });
  });

  it('after its time says what stands in its way', async () => {
    await there(undefined);
    const { servers, cluster, clock } = fixture;
    const running = servers.start('everything', { wait: true });
    const waits = { state: 'pending', message: 'everything waits for Secret nowhere', hint: 'Create it.' };
    cluster.observe('mcpservers', 'everything', { ...RUNNING, ...waits });
    await seen();
    await until('the wait', () => clock.waits.includes(READY_WITHIN));
    clock.advance(READY_WITHIN);
    await expect(running).rejects.toMatchObject({
      ...{ code: 'request-timeout', hint: 'Create it.' },
      message: expect.stringContaining('everything waits for Secret nowhere'),
    });
  });

  it('ends when another one has taken its place', async () => {
    await there(undefined);
    const { servers, cluster } = fixture;
    const third = servers.start('everything', { wait: true });
    cluster.put('mcpservers', { ...resource(), metadata: { name: 'everything', uid: 'another' } } as never);
    await expect(third).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('start of a server that was scaled to nothing', () => {
  const none = { ...RUNNING, state: 'stopped', reason: 'ScaledToZero', ...settled(0) };

  it.each([
    ['as many replicas as it had', { 'berth.dev/replicas': '3' }, 3],
    ['one where nobody knows', {}, 1],
  ])('gives it %s', async (_what, annotations, replicas) => {
    await there(none, { replicas: 0 });
    const stored = resource();
    fixture.cluster.put('mcpservers', { metadata: { ...stored?.metadata, annotations } } as never);
    await seen();
    expect((await fixture.servers.start('everything')).status.replicas.desired).toBe(replicas);
    expect(resource()?.spec).toMatchObject({ replicas });
  });

  it('waits for them', async () => {
    await there(RUNNING);
    await fixture.servers.scale('everything', 0);
    fixture.cluster.observe('mcpservers', 'everything', none);
    await seen();
    let done = false;
    const starting = fixture.servers.start('everything', { wait: true }).then((view) => {
      done = true;
      return view;
    });
    await until('its replicas', () => resource()?.spec.replicas === 2);
    await seen();
    expect(done).toBe(false);
    fixture.cluster.observe('mcpservers', 'everything', RUNNING);
    expect((await starting).status).toMatchObject({ state: 'running', replicas: { ready: 2 } });
  });

  it('brings it back too when it was stopped besides', async () => {
    await there(none, { replicas: 0, suspend: true });
    await fixture.servers.start('everything');
    expect(resource()?.spec).toMatchObject({ suspend: false, replicas: 1 });
  });

  it('sees what the watch has not shown yet', async () => {
    await there(RUNNING);
    fixture.cluster.hold();
    await fixture.servers.scale('everything', 0);
    await fixture.servers.start('everything');
    expect(resource()?.spec.replicas).toBe(2);
    await fixture.servers.stop('everything');
    await fixture.servers.start('everything');
    expect(resource()?.spec.suspend).toBe(false);
    fixture.cluster.release();
  });

  it('is what running it again does, unless that asks for none', async () => {
    const { replicas: _replicas, ...spec } = SPEC;
    const { servers, cluster } = fixture;
    await there(none, { replicas: 0 });
    expect((await servers.run({ ...spec, replicas: 0 })).created).toBe(false);
    expect(cluster.written).toEqual(['PATCH mcpservers/everything dry']);
    await servers.remove('everything');
    await servers.run(spec);
    await seen();
    await servers.scale('everything', 0);
    expect((await servers.run(spec)).created).toBe(false);
    expect(resource()?.spec.replicas).toBe(1);
  });

  it('is what a restart does', async () => {
    await there(none, { replicas: 0 });
    await fixture.servers.restart('everything');
    expect(resource()?.spec.replicas).toBe(1);
  });
});

it('is told of by what was asked for, until the controller has looked', async () => {
  const messageOf = async (): Promise<string> => (await fixture.servers.get('everything')).status.message;
  await there(undefined);
  expect(await messageOf()).toBe('everything waits for the controller');
  fixture.cluster.observe('mcpservers', 'everything', RUNNING);
  await fixture.servers.scale('everything', 4);
  await seen();
  expect(await messageOf()).toBe('everything is being changed to 4 replicas');
});

describe('stop', () => {
  it('suspends and keeps the number of replicas; twice is once', async () => {
    await there(RUNNING);
    const { servers, cluster } = fixture;
    expect((await servers.stop('everything')).status).toMatchObject({
      state: 'scaling',
      message: 'everything is being stopped',
      replicas: { desired: 0 },
    });
    await seen();
    await servers.stop('everything');
    expect(cluster.writes.map(({ body }) => body)).toEqual([{ spec: { suspend: true } }]);
    expect(resource()?.spec.replicas).toBe(2);
  });

  it('force kills its pods once the controller has seen it', async () => {
    await there(RUNNING);
    const { servers, cluster, view } = fixture;
    const owner = { name: 'everything', uid: resource()?.metadata.uid ?? '' };
    cluster.put('pods', serverPod(owner, 'mcp-everything-1'));
    cluster.put('pods', serverPod({ name: 'other', uid: 'other' }, 'mcp-other-1'));
    await until('both', () => view.podsOf(owner.uid).length === 1 && view.podsOf('other').length === 1);
    const stopping = servers.stop('everything', { force: true });
    await until('the patch', () => resource()?.spec.suspend === true);
    expect(cluster.get('pods', 'mcp-everything-1')).toBeDefined();
    cluster.observe('mcpservers', 'everything', { ...RUNNING, state: 'stopped' });
    await stopping;
    expect(cluster.written).toEqual(['PATCH mcpservers/everything', 'DELETE pods/mcp-everything-1']);
    expect(cluster.writes[1]?.body).toMatchObject({ gracePeriodSeconds: 0 });
  });

  it('force does not wait for a controller that is away', async () => {
    await there(RUNNING);
    const { servers, cluster, view, clock } = fixture;
    const owner = { name: 'everything', uid: resource()?.metadata.uid ?? '' };
    cluster.put('pods', serverPod(owner, 'mcp-everything-1'));
    await until('it', () => view.podsOf(owner.uid).length === 1);
    const stopping = servers.stop('everything', { force: true });
    await until('the wait', () => clock.waits.includes(10_000));
    clock.advance(10_000);
    await stopping;
    expect(cluster.get('pods', 'mcp-everything-1')).toBeUndefined();
  });
});

describe('scale', () => {
  it('beyond what the folder of the server allows is refused before the cluster is asked', async () => {
    await there(RUNNING, { replicas: 1, persistence: {} });
    await expect(fixture.servers.scale('everything', 2)).rejects.toMatchObject({
      code: 'bad-input',
      message: expect.stringContaining('must be ReadWriteMany for more than one replica'),
    });
    expect(fixture.cluster.written).toEqual([]);
  });

  it('uses the scale subresource, and nothing for the same number', async () => {
    await there(RUNNING);
    const { servers, cluster } = fixture;
    await servers.scale('everything', 2);
    expect(cluster.writes).toEqual([]);
    expect((await servers.scale('everything', 4)).status.replicas.desired).toBe(4);
    expect(cluster.written).toEqual(['PATCH mcpservers/everything/scale']);
  });

  it('to nothing remembers how many there were', async () => {
    await there(RUNNING);
    await fixture.servers.scale('everything', 0);
    expect(resource()?.metadata.annotations).toEqual({ 'berth.dev/replicas': '2' });
    expect(resource()?.spec.replicas).toBe(0);
  });

  it('starts a stopped one', async () => {
    await there({ ...RUNNING, state: 'stopped' }, { suspend: true });
    await fixture.servers.scale('everything', 3);
    expect(resource()?.spec).toMatchObject({ suspend: false, replicas: 3 });
  });

  it.each([2, 3])('waits for a stopped one that is to have %i of 2 replicas', async (replicas) => {
    await there({ ...RUNNING, state: 'stopped', ...settled(0) }, { suspend: true });
    const scaling = fixture.servers.scale('everything', replicas, { wait: true });
    await until('its start', () => resource()?.spec.suspend === false);
    await seen();
    fixture.cluster.observe('mcpservers', 'everything', { ...RUNNING, ...settled(replicas) });
    const { state, replicas: seenReplicas } = (await scaling).status;
    expect([state, seenReplicas.ready]).toEqual(['running', replicas]);
  });
});

describe('restart', () => {
  it('asks the controller by an annotation, and waits for the roll-out of its Deployment', async () => {
    await there(RUNNING);
    const { servers, cluster } = fixture;
    const restarting = servers.restart('everything', { wait: true });
    await until('it', () => resource()?.metadata.annotations !== undefined);
    const at = resource()?.metadata.annotations?.['berth.dev/restarted-at'] ?? '';
    const deployment = (restartedAt: string) => ({
      metadata: { name: 'mcp-everything', labels: { 'app.kubernetes.io/component': 'mcp-server' } },
      spec: {
        replicas: 2,
        selector: {},
        template: { metadata: { annotations: { 'berth.dev/restarted-at': restartedAt } } },
      },
    });
    cluster.put('deployments', deployment('2026-01-01T00:00:00.000Z'));
    cluster.observe('deployments', 'mcp-everything', settled(2));
    cluster.put('deployments', deployment(at));
    cluster.observe('deployments', 'mcp-everything', settled(2));
    expect((await restarting).status.state).toBe('running');
  });

  it('starts what was stopped', async () => {
    await there({ ...RUNNING, state: 'stopped' }, { suspend: true });
    await fixture.servers.restart('everything');
    expect(fixture.cluster.writes.map(({ body }) => body)).toEqual([{ spec: { suspend: false } }]);
  });
});

describe('everything else', () => {
  it('removes this very server, with its replicas when that is to be forced', async () => {
    await there(RUNNING);
    const { servers, cluster, view } = fixture;
    const owner = { name: 'everything', uid: resource()?.metadata.uid ?? '' };
    cluster.put('pods', serverPod(owner, 'mcp-everything-1'));
    const installer = serverPod(owner, 'mcp-everything-install-1');
    const labels = { ...installer.metadata.labels, [INPUT_LABEL]: 'abcd' };
    cluster.put('pods', { ...installer, metadata: { ...installer.metadata, labels } });
    await until('both', () => view.podsOf(owner.uid).length === 2);
    await servers.remove('everything', { force: true });
    expect(cluster.writes[0]?.body).toMatchObject({ preconditions: { uid: owner.uid } });
    expect(cluster.written).toEqual(['DELETE mcpservers/everything', 'DELETE pods/mcp-everything-1']);
    await until('the end', () => view.server('everything') === undefined);
    await expect(servers.get('everything')).rejects.toMatchObject({ code: 'not-found' });
  });

  it('says that it is removed when its pods may not be ended at once', async () => {
    await there(RUNNING);
    const { servers, cluster, view } = fixture;
    const owner = { name: 'everything', uid: resource()?.metadata.uid ?? '' };
    cluster.put('pods', serverPod(owner, 'mcp-everything-1'));
    await until('it', () => view.podsOf(owner.uid).length === 1);
    cluster.intercept = ({ method, path }, response) => {
      if (method !== 'DELETE' || !path.includes('/pods/')) return false;
      const what = 'cannot delete resource "pods" in API group "" in the namespace "demo"';
      status(response, 403, 'Forbidden', `pods "x" is forbidden: User "gw" ${what}`);
      return true;
    };
    await expect(servers.remove('everything', { force: true })).rejects.toMatchObject({
      code: 'cluster-refused',
      message: expect.stringMatching(/^everything is removed, but 1 of 1 pods could not be ended at once/),
      hint: 'Grant gw in namespace demo: apiGroups [""], resources ["pods"], verbs ["delete"].',
    });
    expect(resource()).toBeUndefined();
  });

  it('tells a start by the phases of its status', async () => {
    await there({ ...RUNNING, state: 'starting', phase: 'install' });
    const { servers, cluster } = fixture;
    const events: unknown[] = [];
    const log = servers.startLog('everything');
    expect(servers.startLog('everything')).toBe(log);
    const reading = (async () => {
      for await (const { at: _at, ...event } of log.read()) events.push(event);
    })();
    cluster.observe('mcpservers', 'everything', { ...RUNNING, state: 'starting', phase: 'handshake' });
    await seen();
    cluster.observe('mcpservers', 'everything', RUNNING);
    await reading;
    expect(events).toEqual([
      { type: 'phase', phase: 'install', state: 'started' },
      { type: 'phase', phase: 'handshake', state: 'started' },
      { type: 'running' },
    ]);
    expect(servers.startLog('everything')).not.toBe(log);
  });

  it('tells how much it was used in the last days', async () => {
    const counts = { sessions: 1, calls: 2, failedCalls: 1, bytesToServer: 10, bytesFromServer: 20 };
    const day = (ago: number): string =>
      new Date(Date.now() - ago * 24 * 3_600_000).toISOString().slice(0, 10);
    const days = [0, 1, 9].map((ago) => ({ day: day(ago), ...counts }));
    await there({ ...RUNNING, usage: { days, replicas: [] } });
    const twice = { sessions: 2, calls: 4, failedCalls: 2, bytesToServer: 20, bytesFromServer: 40 };
    expect(fixture.servers.usage('everything', 7)).toEqual({ days: days.slice(0, 2), sum: twice });
    await there(RUNNING);
    expect(fixture.servers.usage('everything', 7)).toEqual({ days: [], sum: { ...twice, ...NO_USAGE } });
  });

  it('says how healthy it is', async () => {
    await there({ ...RUNNING, state: 'degraded', message: 'one replica fails', hint: 'Look at its log.' });
    expect(await fixture.servers.checkHealth('everything')).toEqual({
      state: 'degraded',
      health: 'unhealthy',
      message: 'one replica fails',
      hint: 'Look at its log.',
      failure: { code: 'start-failed', message: 'one replica fails', hint: 'Look at its log.' },
    });
  });
});

describe('what another gateway wrote a moment ago', () => {
  const specNow = () => resource()?.spec as { suspend?: boolean; replicas?: number };
  /** The watch shows it as it is now, from now on. */
  const freeze = (): void => {
    const old = fixture.view.server('everything');
    vi.spyOn(fixture.view, 'server').mockReturnValue(old);
  };

  it('is undone by a stop', async () => {
    await fixture.servers.run(SPEC);
    await fixture.servers.stop('everything');
    await seen();
    freeze();
    await fixture.servers.start('everything');
    expect(specNow().suspend).toBe(false);
    await fixture.servers.stop('everything');
    expect(specNow().suspend).toBe(true);
  });

  it('is undone by scaling', async () => {
    await fixture.servers.run(SPEC);
    await seen();
    freeze();
    await fixture.servers.scale('everything', 5);
    expect(specNow().replicas).toBe(5);
    await fixture.servers.scale('everything', 2);
    expect(specNow().replicas).toBe(2);
  });

  it('is not undone by a wake', async () => {
    await there(undefined, { replicas: 0 });
    const old = fixture.view.server('everything');
    if (!old) throw new Error('not there');
    await fixture.servers.scale('everything', 5);
    const client = new ApiClient({ access: fixture.cluster.api.access() });
    await wakeServer(client, old);
    client.close();
    expect(specNow().replicas).toBe(5);
    expect(resource()?.metadata.annotations).toHaveProperty(['berth.dev/woken-at']);
  });
});
