/** A whole gateway before a cluster in memory: its links go through the exec of a stand-in API server to a real supervisor. */
import { mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:net';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSealKey } from '../../../src/auth/key-ring.ts';
import { KeyStore } from '../../../src/auth/keys.ts';
import { createSealer } from '../../../src/auth/seal.ts';
import { createExecCarrier } from '../../../src/cluster/exec-carrier.ts';
import { ClusterView } from '../../../src/cluster/gateway/cluster-view.ts';
import { ARRIVAL_LIMIT, ServerDirectory } from '../../../src/cluster/gateway/server-directory.ts';
import { BerthError } from '../../../src/errors.ts';
import { createGateway } from '../../../src/gateway.ts';
import type { ConversationHost } from '../../../src/link/in-process.ts';
import { createLinkServer, type LinkServer } from '../../../src/link/link-server.ts';
import { listenUnixSocket } from '../../../src/link/unix-socket.ts';
import type { StreamReader } from '../../../src/sessions/reader.ts';
import type { HttpFront } from '../../../src/transports/http-server.ts';
import { calm, until } from '../../link/waiting.ts';
import { Harness } from '../../sessions/harness.ts';
import { TEST_LIMITS } from '../../support/gateway.ts';
import { StreamableClient } from '../../support/streamable-client.ts';
import { joinTo } from '../join-program.ts';
import { createFixture, type Fixture, serverPod } from './fixture.ts';

let folder: string;
let harness: Harness;
let supervisor: LinkServer;
let listener: Server;
let fixture: Fixture;
let front: HttpFront;
let base: string;
/** The supervisor takes nothing new. */
let rests: boolean;

const owner = { name: 'memory', uid: '' };
const STATUS = { state: 'running', reason: 'Ready', message: '', conditions: [], selector: '', replicas: 1 };

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'berth-cluster-'));
  const path = join(folder, 'link.sock');
  harness = new Harness();
  owner.uid = harness.definition.id;
  rests = false;
  const refused = (reader: StreamReader): undefined => {
    reader.refused(new BerthError('resting', 'about to rest'));
  };
  const host: ConversationHost = {
    conversation: (target) => {
      const conversation = harness.supervisor.conversation(target);
      return {
        call: (...how) => (rests ? refused(how[1]) : conversation.call(...how)),
        attach: (...how) => (rests ? refused(how[1]) : conversation.attach(...how)),
        note: (...how) => conversation.note(...how),
        end: (...how) => conversation.end(...how),
      };
    },
  };
  supervisor = createLinkServer(host, {
    answer: ({ what, server, session }) => {
      const found = harness.supervisor
        .sessions(server)
        .filter(({ report }) => !session || report.id === session);
      if (what === 'sessions') return found.map(({ report }) => report);
      return Promise.all(found.map((one) => one.end())).then(() => found.length);
    },
  });
  listener = await listenUnixSocket(path, (stream) => supervisor.serve(stream));
  let carrier: ReturnType<typeof createExecCarrier> | undefined;
  fixture = await createFixture({
    connect: (signal) => {
      carrier ??= createExecCarrier({ access: fixture.cluster.api.access() });
      const target = { namespace: 'demo', pod: 'memory-1', container: 'supervisor', socket: path };
      return carrier.connect(target, signal);
    },
  });
  fixture.cluster.api.onExec = (peer) => joinTo(createConnection({ path }), peer);
  front = createGateway({
    settings: { host: '127.0.0.1', allowedHosts: [], allowedOrigins: [], cors: true, limits: TEST_LIMITS },
    keys: new KeyStore({ dataDir: folder, configured: [] }),
    sealer: createSealer({ keys: [createSealKey()] }),
    directory: fixture.directory,
    router: fixture.view.replicas,
    control: (_request, response) => response.writeHead(404).end(),
  });
  const { port } = await front.listen(0, '127.0.0.1');
  base = `http://127.0.0.1:${port}/servers/memory`;
});
afterEach(async () => {
  await front.close();
  await fixture.close();
  listener.close();
  await supervisor.close();
  await harness.close();
  rmSync(folder, { recursive: true });
});

/** An MCPServer with the supervisor's id, as the API server would have it. */
function put(spec: object = {}, annotations?: Record<string, string>): void {
  fixture.cluster.put('mcpservers', {
    metadata: { name: 'memory', uid: owner.uid, ...(annotations && { annotations }) },
    spec: { template: 'everything', replicas: 1, ...spec },
  });
}

async function running(): Promise<void> {
  put();
  fixture.cluster.observe('mcpservers', 'memory', STATUS);
  fixture.cluster.put('pods', serverPod(owner, 'memory-1'));
  await until('it', () => fixture.directory.find('memory')?.state === 'running');
}

describe('a server with a replica', () => {
  it('is called through one exec, opened at the first call and shared by all', async () => {
    await running();
    const execs = () => fixture.cluster.api.peers.length;
    expect(execs()).toBe(0);
    const clients = [1, 2, 3].map(() => new StreamableClient(`${base}/mcp`));
    await Promise.all(clients.map((client) => client.initialize()));
    expect([execs(), harness.servers.length]).toEqual([1, 3]);
    const [url] = fixture.cluster.api.requests.filter(({ url }) => url.pathname.endsWith('/exec'));
    expect(url?.url.pathname).toBe('/api/v1/namespaces/demo/pods/memory-1/exec');
    expect(url?.url.searchParams.get('container')).toBe('supervisor');
  });

  it('goes on with its sessions when the API server has cut the exec', async () => {
    await running();
    const client = new StreamableClient(`${base}/mcp`);
    await client.initialize();
    fixture.cluster.api.cut();
    const call = client.request('2', 'tools/list');
    await until('the call', () => harness.server.of('tools/list').length === 1);
    harness.server.answer(harness.server.id('tools/list'));
    expect((await call).message.result).toBeDefined();
    expect(harness.servers).toHaveLength(1);
  });

  it('lists and ends its sessions', async () => {
    await running();
    const { servers } = fixture;
    expect(await servers.sessions('memory')).toEqual([]);
    const clients = [1, 2, 3].map(() => new StreamableClient(`${base}/mcp`));
    for (const client of clients) await client.initialize();
    const list = await servers.sessions('memory');
    expect(list.map(({ kind, transport }) => [kind, transport])).toEqual(
      Array.from({ length: 3 }, () => ['session', 'streamable-http']),
    );
    await servers.endSession('memory', list[0]?.id ?? '');
    await expect(servers.endSession('memory', 'unknown')).rejects.toMatchObject({ code: 'not-found' });
    expect(await servers.endSessions('memory')).toBe(2);
    await expect(servers.sessions('nobody')).rejects.toMatchObject({ code: 'not-found' });
  });

  it('is away for new and old sessions once its pod is gone', async () => {
    await running();
    const client = new StreamableClient(`${base}/mcp`);
    await client.initialize();
    fixture.cluster.remove('pods', 'memory-1');
    await until('it', () => fixture.directory.find('memory')?.awaited !== undefined);
    fixture.cluster.put('pods', { ...serverPod(owner, 'memory-2') });
    await until('another', () => fixture.directory.find('memory')?.state === 'running');
    expect(await client.send('{"jsonrpc":"2.0","id":9,"method":"tools/list"}')).toBe(404);
  });
});

describe('a server without one', () => {
  const scaledDown = async (annotations?: Record<string, string>): Promise<void> => {
    put({ replicas: 0 }, annotations);
    fixture.cluster.observe('mcpservers', 'memory', { ...STATUS, state: 'stopped', replicas: 0 });
    await until('it', () => fixture.view.server('memory')?.status !== undefined);
  };

  it('is woken by a request, to as many replicas as it had, once for all who ask', async () => {
    await scaledDown({ 'berth.dev/replicas': '3' });
    const clients = [1, 2, 3].map(() => new StreamableClient(`${base}/mcp`));
    const calls = clients.map((client) => client.initialize());
    await until('the scale', () => fixture.cluster.get('mcpservers', 'memory')?.spec.replicas === 3);
    await calm();
    expect(fixture.cluster.written).toEqual(['PATCH mcpservers/memory']);
    expect(fixture.cluster.get('mcpservers', 'memory')?.metadata.annotations).toMatchObject({
      'berth.dev/woken-at': expect.any(String),
    });
    fixture.cluster.put('pods', serverPod(owner, 'memory-1'));
    await Promise.all(calls);
    expect(harness.servers).toHaveLength(3);
  });

  it('serves a request as soon as its supervisor answers, before the cluster says that it runs', async () => {
    await scaledDown();
    const call = new StreamableClient(`${base}/mcp`).initialize();
    await until('the scale', () => fixture.cluster.get('mcpservers', 'memory')?.spec.replicas === 1);
    expect(fixture.cluster.api.peers).toHaveLength(0);
    fixture.cluster.put('pods', serverPod(owner, 'memory-1', { running: false, ready: false, node: 'n1' }));
    expect((await call).message.result).toMatchObject({ serverInfo: expect.any(Object) });
    expect(fixture.cluster.api.peers).toHaveLength(1);
  });

  it('that sleeps is woken by a request, once, and keeps its number of replicas', async () => {
    put({ replicas: 2 }, { 'berth.dev/asleep': '1' });
    fixture.cluster.observe('mcpservers', 'memory', { ...STATUS, state: 'stopped', replicas: 0 });
    await until('it', () => fixture.view.server('memory')?.status !== undefined);
    expect((await fixture.servers.get('memory')).status.replicas.desired).toBe(0);
    const calls = [1, 2].map(() => new StreamableClient(`${base}/mcp`).initialize());
    await until('the wake', () => fixture.cluster.written.length > 0);
    await calm();
    expect(fixture.cluster.written).toEqual(['PATCH mcpservers/memory']);
    const { metadata, spec } = fixture.cluster.get('mcpservers', 'memory') ?? {};
    expect([metadata?.annotations?.['berth.dev/asleep'], spec?.replicas]).toEqual([undefined, 2]);
    fixture.cluster.put('pods', serverPod(owner, 'memory-1'));
    await Promise.all(calls);
    expect(harness.servers).toHaveLength(2);
  });

  it('that was put to sleep under a request gets it all the same', async () => {
    await running();
    rests = true;
    const call = new StreamableClient(`${base}/mcp`).initialize();
    await until('its return', () => fixture.directory.find('memory')?.awaited !== undefined);
    // The note that it sleeps comes after the request has been sent back.
    put({}, { 'berth.dev/asleep': '1' });
    await until('the wake', () => fixture.cluster.written.length > 0);
    fixture.cluster.put('pods', serverPod(owner, 'memory-1', { leaving: true }));
    rests = false;
    fixture.cluster.put('pods', serverPod(owner, 'memory-2'));
    expect((await call).message.result).toMatchObject({ serverInfo: expect.any(Object) });
    expect(fixture.cluster.written).toEqual(['PATCH mcpservers/memory']);
  });

  it('that was not put to sleep after all serves who was sent back', async () => {
    await running();
    rests = true;
    const call = new StreamableClient(`${base}/mcp`).initialize();
    await until('its return', () => fixture.directory.find('memory')?.awaited !== undefined);
    rests = false;
    fixture.clock.advance(5_000);
    expect((await call).message.result).toBeDefined();
    expect(fixture.cluster.written).toEqual([]);
  });

  it('is started, restarted and scaled out of its sleep, and by a change of what it is', async () => {
    const { servers, cluster } = fixture;
    const asleep = async (): Promise<void> => {
      put({ replicas: 2 }, { 'berth.dev/asleep': '1' });
      await until(
        'it',
        () => fixture.view.server('memory')?.metadata.annotations?.['berth.dev/asleep'] === '1',
      );
    };
    const wakes = [
      () => servers.start('memory'),
      () => servers.restart('memory'),
      () => servers.scale('memory', 2),
    ];
    for (const wake of wakes) {
      await asleep();
      expect((await wake()).status.replicas.desired).toBe(2);
      expect(cluster.get('mcpservers', 'memory')?.metadata.annotations).not.toHaveProperty([
        'berth.dev/asleep',
      ]);
    }
    await asleep();
    put({ replicas: 2, args: ['--new'] }, { 'berth.dev/asleep': '1' });
    await until('its new generation', () => fixture.view.server('memory')?.metadata.generation === 2);
    expect((await servers.get('memory')).status.replicas.desired).toBe(2);
  });

  it('that does not come in time is 503 with Retry-After, and with what it waits for', async () => {
    await scaledDown();
    const call = fetch(`${base}/mcp`, { method: 'DELETE' });
    await until('the scale', () => fixture.view.server('memory')?.spec.replicas === 1);
    const status = {
      state: 'pending',
      reason: 'Unschedulable',
      message: 'no node has room',
      hint: 'Add nodes.',
    };
    fixture.cluster.observe('mcpservers', 'memory', { ...STATUS, ...status });
    await until('why', () => fixture.view.server('memory')?.status?.reason === 'Unschedulable');
    await until('the wait', () => fixture.clock.waits.includes(ARRIVAL_LIMIT));
    fixture.clock.advance(ARRIVAL_LIMIT);
    const response = await call;
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await response.json()).toMatchObject({
      error: { message: expect.stringContaining('no node has room'), data: { hint: 'Add nodes.' } },
    });
  });

  it('that was stopped stays so', async () => {
    put({ suspend: true });
    await until('it', () => fixture.view.server('memory') !== undefined);
    const response = await fetch(`${base}/mcp`, { method: 'DELETE' });
    expect([response.status, fixture.cluster.writes]).toEqual([503, []]);
    expect(await response.json()).toMatchObject({ error: { data: { code: 'stopped' } } });
  });

  it('that is being stopped says so to whoever is new, while sessions of before go on', async () => {
    await running();
    const client = new StreamableClient(`${base}/mcp`);
    await client.initialize();
    put({ suspend: true });
    fixture.cluster.put('pods', serverPod(owner, 'memory-1', { ready: false, leaving: true }));
    await until('the stop', () => fixture.directory.find('memory')?.isEnding === true);
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: {} });
    const headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
    const response = await fetch(`${base}/mcp`, { method: 'POST', headers, body });
    expect(await response.json()).toMatchObject({
      error: { message: 'the server memory is stopped', data: { code: 'stopped' } },
    });
    const call = client.request('2', 'tools/list');
    await until('the call', () => harness.server.of('tools/list').length === 1);
    harness.server.answer(harness.server.id('tools/list'));
    expect((await call).message.result).toBeDefined();
  });

  it('that could not be started says why', async () => {
    put();
    const failed = {
      ...STATUS,
      state: 'failed',
      phase: 'install',
      message: 'npm error 404',
      hint: 'Check it.',
    };
    fixture.cluster.observe('mcpservers', 'memory', failed);
    await until('it', () => fixture.directory.find('memory')?.failure !== undefined);
    const response = await fetch(`${base}/mcp`, { method: 'DELETE' });
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({
      error: { message: 'npm error 404', data: { phase: 'install', hint: 'Check it.' } },
    });
  });

  it('that nobody has is 404', async () => {
    expect((await fetch(`${base}/mcp`, { method: 'DELETE' })).status).toBe(404);
  });

  it('that another gateway made a moment ago is called as soon as its replica is seen', async () => {
    fixture.cluster.hold();
    put();
    fixture.cluster.put('pods', serverPod(owner, 'memory-1'));
    const clients = [1, 2].map(() => new StreamableClient(`${base}/mcp`));
    const calls = clients.map((client) => client.initialize());
    const asked = () => fixture.cluster.reads.filter(({ path }) => path.endsWith('/mcpservers/memory'));
    await until('the question', () => fixture.directory.find('memory') !== undefined);
    fixture.cluster.release();
    for (const { message } of await Promise.all(calls)) expect(message.result).toBeDefined();
    expect([asked().length, harness.servers.length]).toEqual([1, 2]);
  });
});

it('a server is used as its template says where its specification does not', async () => {
  put({ template: 'memory' });
  fixture.cluster.put('pods', serverPod(owner, 'memory-1'));
  await until('it', () => fixture.directory.find('memory')?.state === 'running');
  expect(fixture.directory.find('memory')).toMatchObject({ isolation: 'shared', sessions: 'minted' });
  put({ template: 'memory', isolation: 'call', sessions: 'none' });
  await until('it', () => fixture.directory.find('memory')?.isolation === 'call');
  expect(fixture.directory.find('memory')?.sessions).toBe('none');
});

it('a server that runs is found as its template says now', async () => {
  put({ template: 'memory' });
  fixture.cluster.put('pods', serverPod(owner, 'memory-1'));
  await until('it', () => fixture.directory.find('memory')?.state === 'running');
  const behaviors = { before: { isolation: 'shared' }, after: { isolation: 'call' } } as const;
  let now: keyof typeof behaviors = 'before';
  const directory = new ServerDirectory({
    view: fixture.view,
    behavior: () => behaviors[now],
    wake: async () => {},
    read: async () => undefined,
  });
  expect(directory.find('memory')?.isolation).toBe('shared');
  now = 'after';
  expect(directory.find('memory')?.isolation).toBe('call');
});

it('a gateway that has not seen the cluster yet says so, and does not say that there is no such server', async () => {
  await fixture.close();
  const blind = new ClusterView({
    client: {
      list: () => Promise.reject(new BerthError('busy', 'the API server is away')),
      watch: () => Promise.reject(new BerthError('busy', 'the API server is away')),
    },
    namespace: 'demo',
    links: { connect: () => Promise.reject(new Error('nobody')), instance: 'gateway' },
  });
  expect(blind.isSynced).toBe(false);
  const directory = new ServerDirectory({
    view: blind,
    behavior: () => undefined,
    wake: async () => {},
    read: async () => undefined,
  });
  expect(() => directory.find('memory')).toThrow(expect.objectContaining({ code: 'busy' }));
  await blind.close();
});

describe('sessions of a replica that goes, of a server that is wanted', () => {
  const answered = async (client: StreamableClient): Promise<void> => {
    const call = client.request('2', 'tools/list');
    await until('the call', () => harness.server.of('tools/list').length === 1);
    harness.server.answer(harness.server.id('tools/list'));
    expect((await call).message.result).toBeDefined();
  };
  const opened = async (): Promise<StreamableClient> => {
    await running();
    const client = new StreamableClient(`${base}/mcp`);
    await client.initialize();
    return client;
  };
  const leave = async (): Promise<void> => {
    fixture.cluster.put('pods', serverPod(owner, 'memory-1', { leaving: true }));
    await until('it', () => fixture.view.replicas.of(owner.uid)[0]?.leaving === true);
  };

  it('go on while no other replica can come up', async () => {
    const client = await opened();
    await leave();
    await answered(client);
  });

  it('go on when another replica has failed, and whoever begins one is told', async () => {
    const client = await opened();
    fixture.cluster.observe('mcpservers', 'memory', { ...STATUS, state: 'failed', message: 'no image' });
    await leave();
    await until('the failure', () => fixture.view.server('memory')?.status?.state === 'failed');
    await answered(client);
    const newcomer = new StreamableClient(`${base}/mcp`);
    expect((await newcomer.initialize()).message.error?.message).toContain('no image');
  });

  it('do not undo a scale to 0', async () => {
    const client = await opened();
    put({ replicas: 0 });
    await leave();
    await until('0', () => fixture.view.server('memory')?.spec.replicas === 0);
    fixture.cluster.writes.length = 0;
    await answered(client);
    expect(fixture.cluster.writes).toEqual([]);
  });

  it('end with it, and the next request waits for another one', async () => {
    const client = await opened();
    await leave();
    fixture.cluster.remove('pods', 'memory-1');
    await until('its end', () => fixture.view.replicas.of(owner.uid).length === 0);
    const sent = client.send('{"jsonrpc":"2.0","id":9,"method":"tools/list"}');
    fixture.cluster.put('pods', serverPod(owner, 'memory-2'));
    expect(await sent).toBe(404);
  });
});
