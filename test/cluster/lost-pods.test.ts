/** Supervisors, server processes, pods of servers and leaders that are lost under live sessions: what clients see, and that nothing runs twice. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Lease } from '../../src/cluster/lease-record.ts';
import { LEASES } from '../../src/cluster/resources.ts';
import { requestText } from '../support/mcp-client.ts';
import { type ModernCall, ModernHttpClient } from '../support/modern-client.ts';
import { SseClient } from '../support/sse-client.ts';
import { StreamableClient } from '../support/streamable-client.ts';
import { session, TRANSPORTS } from '../support/transports.ts';
import { WsClient } from '../support/ws-client.ts';
import { eventually } from './support/cluster.ts';
import { figure, since } from './support/figures.ts';
import { recorded, recorderSpec, timesOf } from './support/recorder.ts';
import { type ReleasePod, type RunningRelease, startRelease, steady } from './support/release.ts';
import { inPod, killNode, nodesIn, restartsOf } from './support/release-kill.ts';
import { errorOf, PATIENCE } from './support/server-clients.ts';
import { everything, read, runBeside } from './support/tools.ts';

const LONGEST = 300_000;
/** Of the server. The last ten seconds of it are for ending what has not ended by itself; the rest is the sessions'. */
const DRAIN = 20_000;

/** What a server may write in one folder. */
const SCRATCH_MIB = 32;

let release: RunningRelease;
/** What stood in the namespace of the servers before there was any. */
let nothing: string[];

beforeAll(async () => {
  release = await startRelease({ servers: { scratchSize: `${SCRATCH_MIB}Mi` } });
  nothing = everything([release.servers]).filter((name) => name.startsWith(`${release.servers}:`));
  await Promise.all([
    release.run(recorderSpec('each', { limits: { drain: DRAIN } })),
    release.run(recorderSpec('none', { sessions: 'none' })),
    release.run(recorderSpec('hung', { limits: { drain: DRAIN }, replicas: 2 })),
    release.run(recorderSpec('full')),
  ]);
}, LONGEST);
afterAll(() => release?.close(), LONGEST);

const call = (name: string, key: string): string =>
  requestText(`"${key}"`, 'tools/call', { name, arguments: { key } });

function streamable(server: string): StreamableClient {
  return new StreamableClient(`${release.serverUrl(server)}/mcp`, { key: release.key });
}

async function opened(server = 'each'): Promise<StreamableClient> {
  const client = streamable(server);
  await client.initialize();
  return client;
}

async function podOf(server: string): Promise<ReleasePod> {
  return await steady(`a ready pod of ${server}`, async () => {
    const pods = (await release.serverPods(server)).filter(({ metadata }) => !metadata.deletionTimestamp);
    const [pod] = pods;
    const ready = pods.length === 1 && pod?.status.containerStatuses?.every((one) => one.ready);
    return ready ? pod : undefined;
  });
}

/** A session as soon as there can be one. */
async function openedAgain(server = 'each'): Promise<StreamableClient> {
  return await steady('a new session', async () => {
    const client = streamable(server);
    const { message } = await client.initialize();
    return message.error === undefined ? client : undefined;
  });
}

/** Until the client's session is over, by calls that are not to be made. */
async function untilUnknown(client: StreamableClient, key: string): Promise<void> {
  await eventually('an unknown session', async () => (await client.send(call('record', key))) === 404);
}

/** A session of the server `hung` with a call in flight, and its pod, whose supervisor has been stopped. */
let hung: { client: StreamableClient; name: string; stopped: number };

const isReady = ({ status }: ReleasePod): boolean =>
  status.containerStatuses?.every(({ ready }) => ready) ?? false;

async function hungPod(): Promise<ReleasePod | undefined> {
  return (await release.serverPods('hung')).find(({ metadata }) => metadata.name === hung.name);
}

it('a supervisor that hangs is passed over by new sessions', { timeout: LONGEST }, async () => {
  const client = await opened('hung');
  void client.send(call('hold', 'hung'));
  await eventually('the call', async () => (await recorded(client)).executions.includes('hung'));
  const pod = await steady('the pod of the call', async () => {
    for (const one of await release.serverPods('hung'))
      if ((await nodesIn(one, 'workload')).length > 0) return one;
    return undefined;
  });
  await killNode(pod, 'supervisor', 'STOP');
  hung = { client, name: pod.metadata.name ?? '', stopped: performance.now() };
  await steady('a pod that is not ready', async () => {
    const now = await hungPod();
    return now && !isReady(now) ? true : undefined;
  });
  figure('a pod whose supervisor hangs is not ready after', since(hung.stopped));
  for (const key of ['hung-a', 'hung-b']) {
    const next = await openedAgain('hung');
    expect(
      (await next.request(`"${key}"`, 'tools/call', { name: 'record', arguments: { key } })).text,
    ).toContain(key);
    await next.close();
  }
});

/** A session of the server `full` with a call in flight, whose pod has more in its folder than it may. */
let full: { client: StreamableClient; pod: ReleasePod; written: number };

it('a server fills its disk', { timeout: LONGEST }, async () => {
  const client = await opened('full');
  void client.send(call('hold', 'full'));
  await eventually('the call', async () => (await recorded(client)).executions.includes('full'));
  const pod = await podOf('full');
  await inPod(pod, 'workload', ['sh', '-c', `head -c ${2 * SCRATCH_MIB}M /dev/zero >/tmp/full`]);
  full = { client, pod, written: performance.now() };
});

it('a killed supervisor fails its calls, ends its sessions, and runs nothing twice', {
  timeout: LONGEST,
}, async () => {
  const base = release.serverUrl('each');
  const options = { key: release.key };
  const [client, pooled] = [await opened(), streamable('none')];
  const sse = await SseClient.connect(`${base}/sse`, options);
  const ws = await WsClient.connect(`${base}/ws`, options);
  for (const one of [sse, ws]) await one.initialize();
  const modern = new ModernHttpClient(`${base}/mcp`, options);
  void client.send(call('hold', 'sup-streamable'));
  void pooled.send(call('hold', 'sup-pooled'));
  void sse.send(call('hold', 'sup-sse'));
  void ws.send(call('hold', 'sup-ws'));
  const modernCall = modern.start('tools/call', { name: 'hold', arguments: { key: 'sup-modern' } });
  const keys = ['sup-streamable', 'sup-sse', 'sup-ws', 'sup-modern'];
  const watcher = await opened();
  await eventually('the calls', async () => {
    const { executions } = await recorded(watcher);
    return keys.every((key) => executions.includes(key));
  });
  await eventually('the call without a session', async () => {
    return (await recorded(streamable('none'))).executions.includes('sup-pooled');
  });
  const [each, none] = await Promise.all([podOf('each'), podOf('none')]);
  await Promise.all([killNode(each, 'supervisor'), killNode(none, 'supervisor')]);
  const killed = performance.now();
  const endings = [
    errorOf(client, 'sup-streamable'),
    errorOf(pooled, 'sup-pooled'),
    modernCall.answer(PATIENCE),
  ] as const;
  await Promise.all([sse.ended, ws.closed]);
  figure('a killed supervisor ends SSE and WebSocket connections after', since(killed));
  const [first, second, third] = await Promise.all(endings);
  figure('a killed supervisor fails all calls in flight after', since(killed));
  figure('what they are told', JSON.stringify([first, second, third.message.error]));
  expect([first.code, second.code, third.message.error?.code]).toEqual([
    expect.any(Number),
    expect.any(Number),
    expect.any(Number),
  ]);
  await untilUnknown(client, 'sup-late');
  const next = await openedAgain();
  figure('a new session after a killed supervisor', since(killed));
  const after = await recorded(next);
  expect(timesOf(after.executions, [...keys, 'sup-late'])).toEqual({
    ...Object.fromEntries(keys.map((key) => [key, 1])),
    'sup-late': 0,
  });
  await eventually('the server without sessions again', async () => {
    const answer = await recorded(streamable('none')).catch(() => undefined);
    return answer !== undefined && timesOf(answer.executions, ['sup-pooled'])['sup-pooled'] === 1;
  });
  const pod = await podOf('each');
  expect([restartsOf(pod, 'supervisor'), restartsOf(pod, 'workload')]).toEqual([1, 0]);
  await eventually('no process without a session', async () => {
    return (await nodesIn(pod, 'workload', 'server.mjs')).length === 1;
  });
  await next.close();
});

it('a server process that ends fails its own calls at once and nobody else’s', {
  timeout: LONGEST,
}, async () => {
  const options = { key: release.key };
  const base = release.serverUrl('each');
  const [client, other] = [await opened(), await opened()];
  const sse = (await session('sse', base, options)) as SseClient;
  const ws = (await session('websocket', base, options)) as WsClient;
  const modern = new ModernHttpClient(`${base}/mcp`, options);
  const clients = Object.entries({ 'exit-held': client, 'exit-sse': sse, 'exit-ws': ws });
  for (const [key, one] of clients) void one.send(call('hold', key));
  const modernCall = modern.start('tools/call', { name: 'hold', arguments: { key: 'exit-modern' } });
  const keys = [...clients.map(([key]) => key), 'exit-modern'];
  await eventually('the calls', async () => {
    const { executions } = await recorded(other);
    return keys.every((key) => executions.includes(key));
  });
  const ended = performance.now();
  for (const [key, one] of clients) void one.send(call('exit', `${key}-now`));
  const modernExit = modern.start('tools/call', { name: 'exit', arguments: { key: 'exit-modern-now' } });
  const errors = await Promise.all([
    ...clients.map(([key, one]) => errorOf(one, key)),
    ...[modernCall, modernExit].map((held) => held.answer(PATIENCE).then(({ message }) => message.error)),
  ]);
  figure('a server process that ends fails its calls after', since(ended));
  const reason = { data: { code: 'process-exited', phase: 'run', exitCode: 7 } };
  expect(errors).toMatchObject([reason, reason, reason, reason, reason]);
  await Promise.all([sse.ended, ws.closed]);
  await untilUnknown(client, 'exit-late');
  expect(await modern.tool('record', { arguments: { key: 'exit-next' } })).toMatchObject({
    result: { content: [{ text: 'exit-next' }] },
  });
  const { executions } = await recorded(other);
  expect(timesOf(executions, [...keys, 'exit-next', 'exit-late'])).toEqual({
    ...Object.fromEntries([...keys, 'exit-next'].map((key) => [key, 1])),
    'exit-late': 0,
  });
  await other.close();
});

/** Deletes the pod of the server `each`, with a call in flight of every kind of client: under the key, and with what it is appended. */
async function withoutPod(key: string, ...how: readonly string[]) {
  const options = { key: release.key };
  const base = release.serverUrl('each');
  const client = await opened();
  const sse = (await session('sse', base, options)) as SseClient;
  const ws = (await session('websocket', base, options)) as WsClient;
  const modern = new ModernHttpClient(`${base}/mcp`, options);
  void client.send(call('hold', key));
  void sse.send(call('hold', `${key}-sse`));
  void ws.send(call('hold', `${key}-ws`));
  const [lost, kept] = [`${key}-modern`, `${key}-kept`].map((held) =>
    modern.start('tools/call', { name: 'hold', arguments: { key: held } }),
  ) as [ModernCall, ModernCall];
  const keys = ['', '-sse', '-ws', '-modern', '-kept'].map((kind) => `${key}${kind}`);
  await eventually('the calls', async () => {
    const { executions } = await recorded(client);
    return keys.every((held) => executions.includes(held));
  });
  const pod = await podOf('each');
  const deleted = performance.now();
  await runBeside('kubectl', [
    ...['-n', release.servers, 'delete', 'pod', pod.metadata.name ?? ''],
    ...['--wait=false', ...how],
  ]);
  const failed = Promise.all([
    errorOf(client, key),
    lost.answer(PATIENCE).then(({ message }) => message.error),
  ]).then((errors) => {
    figure(`a pod that is ${key}: its calls fail after`, `${since(deleted)}: ${JSON.stringify(errors)}`);
    return errors;
  });
  return { client, sse, ws, modern, kept, keys, deleted, failed };
}

/** An error as every call in flight gets it. */
const REASON = { code: expect.any(Number), message: expect.any(String) };

/** What was executed by the pod that is gone is not executed by the next one. */
async function nothingOf(keys: readonly string[], next: StreamableClient): Promise<void> {
  await podOf('each');
  const { executions } = await recorded(next);
  expect(timesOf(executions, keys)).toEqual(Object.fromEntries(keys.map((key) => [key, 0])));
  await next.close();
}

it('a pod that is deleted lets its sessions and calls go on for its drain, then ends them with an error; the next one serves new ones', {
  timeout: LONGEST,
}, async () => {
  const { client, sse, ws, modern, kept, keys, deleted, failed } = await withoutPod('deleted');
  for (const [index, one] of [client, sse, ws].entries()) {
    const key = `draining-${index}`;
    const { text } = await one.request(`"${key}"`, 'tools/call', { name: 'record', arguments: { key } });
    expect(text).toContain(key);
  }
  // A modern call that ends within the drain is answered as well.
  await client.toolText('release', { keys: ['deleted-kept'] });
  expect((await kept.answer()).message.result).toMatchObject({ content: [{ text: 'deleted-kept' }] });
  const { executions } = await recorded(client);
  expect(timesOf(executions, keys)).toEqual(Object.fromEntries(keys.map((key) => [key, 1])));
  const ended = Promise.all([errorOf(sse, 'deleted-sse'), errorOf(ws, 'deleted-ws')]);
  const next = await openedAgain();
  figure('a pod that is deleted: a new session, on the next pod, after', since(deleted));
  expect([...(await failed), ...(await ended)]).toMatchObject([REASON, REASON, REASON, REASON]);
  await Promise.all([sse.ended, ws.closed]);
  await untilUnknown(client, 'deleted-late');
  expect(await modern.tool('record', { arguments: { key: 'deleted-next' } })).toMatchObject({
    result: { content: [{ text: 'deleted-next' }] },
  });
  await nothingOf([...keys, 'deleted-late'], next);
});

it('a pod that is deleted by force ends its sessions with an error, and the next one serves new ones', {
  timeout: LONGEST,
}, async () => {
  const { client, sse, ws, modern, kept, keys, deleted, failed } = await withoutPod(
    'forced',
    '--grace-period=0',
    '--force',
  );
  const next = await openedAgain();
  figure('a pod that is forced: a new session, on the next pod, after', since(deleted));
  expect([...(await failed), (await kept.answer(PATIENCE)).message.error]).toMatchObject([
    REASON,
    REASON,
    REASON,
  ]);
  await Promise.all([sse.ended, ws.closed]);
  await untilUnknown(client, 'forced-late');
  expect(await modern.tool('record', { arguments: { key: 'forced-next' } })).toMatchObject({
    result: { content: [{ text: 'forced-next' }] },
  });
  await nothingOf([...keys, 'forced-late'], next);
});

/** The pod that leads, and how often the lead has changed. */
async function leader(): Promise<{ pod: ReleasePod; holder: string }> {
  return await steady('a leader', async () => {
    const target = { namespace: release.namespace, name: `${release.name}-controller` };
    const holder = (await release.client.get<Lease>(LEASES, target))?.spec?.holderIdentity ?? '';
    const pods = await release.pods('controller');
    const pod = pods.find(({ metadata }) => holder.startsWith(`${metadata.name}-`));
    return pod && { pod, holder };
  });
}

it.each([
  ['is killed', (pod: ReleasePod) => killNode(pod, 'controller')],
  [
    'is deleted',
    (pod: ReleasePod) =>
      runBeside('kubectl', [
        '-n',
        release.namespace,
        'delete',
        'pod',
        pod.metadata.name ?? '',
        '--wait=false',
      ]),
  ],
] as const)(
  'a leader that %s is followed by the other one; sessions notice nothing',
  {
    timeout: LONGEST,
  },
  async (what, lose) => {
    const options = { key: release.key };
    const base = release.serverUrl('each');
    const clients = await Promise.all(TRANSPORTS.map((transport) => session(transport, base, options)));
    const name = `after-${what.replaceAll(' ', '-')}`;
    const keys = clients.map((_, at) => `${name}-${at}`);
    for (const [at, client] of clients.entries()) void client.send(call('hold', keys[at] ?? ''));
    const modern = new ModernHttpClient(`${base}/mcp`, options);
    const modernCall = modern.start('tools/call', { name: 'hold', arguments: { key: `${name}-modern` } });
    const all = [...keys, `${name}-modern`];
    const [first] = clients as [StreamableClient];
    await eventually('the calls', async () => {
      const { executions } = await recorded(first);
      return all.every((key) => executions.includes(key));
    });
    const before = await Promise.all(clients.map(recorded));
    const { pod, holder } = await leader();
    await lose(pod);
    const lost = performance.now();
    const running = release.run(recorderSpec(name));
    await eventually('another leader', async () => (await leader()).holder !== holder);
    figure(`a leader that ${what} is followed after`, since(lost));
    const after = await Promise.all(clients.map(recorded));
    expect(after.map(({ pid }) => pid)).toEqual(before.map(({ pid }) => pid));
    await first.toolText('release', { keys: all });
    const answers = await Promise.all(clients.map((client, at) => client.inbox.answer(`"${keys[at]}"`)));
    expect([...answers, await modernCall.answer()].map(({ text }) => text)).toEqual(
      all.map((key) => expect.stringContaining(key)),
    );
    expect(timesOf((await recorded(first)).executions, all)).toEqual(
      Object.fromEntries(all.map((key) => [key, 1])),
    );
    await running;
    figure(`a server that was asked for when the leader was lost (${what}) runs after`, since(lost));
    await release.remove(name);
    await Promise.all(clients.map((client) => client.close()));
  },
);

it('a supervisor that hung has been started anew by now, and its session is over', {
  timeout: LONGEST,
}, async () => {
  const { client, stopped } = hung;
  const pod = await steady('the pod, ready again', async () => {
    const now = await hungPod();
    return now && isReady(now) && restartsOf(now, 'supervisor') > 0 ? now : undefined;
  });
  figure('a supervisor that hung is ready again, at the latest, after', since(stopped));
  expect([restartsOf(pod, 'supervisor'), restartsOf(pod, 'workload')]).toEqual([1, 0]);
  // It is told so when the link comes back within a minute; later its stream has been ended.
  const told = client.inbox.drain(() => true).map(({ message }) => message.error);
  figure('the call in flight of a supervisor that hung is told', JSON.stringify(told));
  expect(told).not.toContain(undefined);
  await untilUnknown(client, 'hung-late');
  await eventually('no process without a session', async () => (await nodesIn(pod, 'workload')).length === 0);
});

it('a pod whose server filled its disk has been evicted by now, and the next one serves', {
  timeout: LONGEST,
}, async () => {
  const { client, pod, written } = full;
  const name = pod.metadata.name;
  await steady('the end of the pod', async () => {
    const now = (await release.serverPods('full')).find(({ metadata }) => metadata.name === name);
    return now && ['Failed', 'Succeeded'].includes(now.status.phase) ? true : undefined;
  });
  figure('a pod whose server filled its disk is gone, at the latest, after', since(written));
  const why = ['--field-selector', `reason=Evicted,involvedObject.name=${name}`];
  expect(read<{ items: object[] }>('events', '-n', release.servers, ...why).items).toMatchObject([
    { message: expect.stringContaining(`"tmp" exceeds the limit "${SCRATCH_MIB}Mi"`) },
  ]);
  // The next pod hides it, and the server's own events do not.
  const lost = await steady('the event of the server', async () => {
    const about = ['--field-selector', 'reason=ReplicaLost,involvedObject.name=full'];
    return read<{ items: { message: string }[] }>('events', '-n', release.servers, ...about).items[0];
  });
  expect(lost.message).toContain(`replica ${name} was lost with its sessions (Evicted): `);
  expect(lost.message).toContain('raise servers.scratchSize of the chart');
  const error = await errorOf(client, 'full');
  figure('the call in flight of such a pod is told', JSON.stringify(error));
  expect(error.code).toEqual(expect.any(Number));
  await untilUnknown(client, 'full-late');
  const next = await openedAgain('full');
  expect(timesOf((await recorded(next)).executions, ['full', 'full-late'])).toEqual({
    full: 0,
    'full-late': 0,
  });
  await next.close();
});

it('a server that is removed answers what is in flight, and its pods wait for no session', {
  timeout: LONGEST,
}, async () => {
  await release.run(recorderSpec('leaving', { limits: { drain: 600_000 } }));
  const [client, idle] = [await opened('leaving'), await opened('leaving')];
  const answer = client.request('"last"', 'tools/call', {
    name: 'record',
    arguments: { key: 'last', ms: 5_000 },
  });
  await eventually('the call', async () => (await recorded(idle)).executions.includes('last'));
  const removed = performance.now();
  await release.remove('leaving');
  figure('the pods of a removed server with two sessions and a call of 5 s are gone after', since(removed));
  expect((await answer).message).toMatchObject({ result: { content: [{ text: 'last' }] } });
  expect(await idle.send(call('record', 'late'))).toBe(404);
});

it('leaves no object of servers that are gone', { timeout: LONGEST }, async () => {
  for (const name of ['each', 'none', 'hung', 'full']) await release.remove(name);
  await eventually('nothing of them', () => {
    const now = everything([release.servers]).filter((name) => name.startsWith(`${release.servers}:`));
    return now.join() === nothing.join();
  });
});
