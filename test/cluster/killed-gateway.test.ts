/**
 * The sole gateway of a release, then one of two, killed with -9 under live sessions and calls in flight; then both replaced
 * under load.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { open } from '../support/http-client.ts';
import { requestText } from '../support/mcp-client.ts';
import { ModernHttpClient } from '../support/modern-client.ts';
import { SseClient } from '../support/sse-client.ts';
import { StreamableClient } from '../support/streamable-client.ts';
import { session, TRANSPORTS } from '../support/transports.ts';
import { WsClient } from '../support/ws-client.ts';
import { eventually } from './support/cluster.ts';
import { figure, since, spread } from './support/figures.ts';
import { recorded, recorderSpec, timesOf } from './support/recorder.ts';
import { type ReleasePod, type RunningRelease, startRelease, steady } from './support/release.ts';
import { killNode, nodesIn, restartsOf } from './support/release-kill.ts';
import { type LoadReport, startLoad } from './support/rolling-load.ts';
import { CHART, runBeside } from './support/tools.ts';

const SESSIONS = 1_000;
/** Sessions of the gateway that is the only one, each with a call in flight. */
const ALONE = 300;
/** Handshakes at one time. */
const AT_ONCE = 20;
const LOAD = 8;
const MODERN_LOAD = 2;
/** Of a client whose gateway is away, 50 ms apart at least. */
const TRIES = 3_600;
/** Milliseconds; a thousand calls at one time on a busy machine. */
const PATIENCE = 180_000;
const LONGEST = 600_000;

let release: RunningRelease;

beforeAll(async () => {
  release = await startRelease({ gateway: { replicas: 1 } });
  await release.run(recorderSpec('each', { limits: { sessions: 100 } }));
  await release.run(
    recorderSpec('all', {
      isolation: 'shared',
      limits: { sessions: SESSIONS + 10, sessionsPerPrincipal: SESSIONS + 10 },
    }),
  );
}, LONGEST);
afterAll(() => release?.close(), LONGEST);

/** The gateways, once there are as many and all are ready, with the address of each. */
async function gateways(count = 2): Promise<{ pod: ReleasePod; url: string }[]> {
  const pods = await steady(`${count} gateways`, async () => {
    const all = (await release.pods('gateway')).filter(({ metadata }) => !metadata.deletionTimestamp);
    const ready = all.filter(({ status }) => status.containerStatuses?.every((one) => one.ready));
    return all.length === count && ready.length === count ? ready : undefined;
  });
  return pods.map((pod) => ({ pod, url: release.gatewayUrl(pod) }));
}

/** Sends a request until the gateway, which is away for a while, takes it; no other refusal than that is let pass. */
async function resent(client: StreamableClient, text: string): Promise<void> {
  for (let tries = 1; tries < TRIES; tries++) {
    const status = await client.send(text).catch(() => 0);
    if (status === 200) return;
    expect([0, 503]).toContain(status);
    await sleep(50);
  }
  throw new Error('the gateway did not come back');
}

/** Resolves once the killed container of a gateway has been started anew, and is ready. */
async function gatewayAgain({ metadata: { uid } }: ReleasePod): Promise<void> {
  await steady('the gateway again', async () => {
    const found = (await release.pods('gateway')).find(({ metadata }) => metadata.uid === uid);
    const [{ ready = false } = {}] = found?.status.containerStatuses ?? [];
    return found !== undefined && restartsOf(found, 'gateway') > 0 && ready ? true : undefined;
  });
}

function streamable(server: string, base: string): StreamableClient {
  return new StreamableClient(`${release.serverUrl(server, base)}/mcp`, { key: release.key });
}

/** The same client, as it comes back through another gateway. */
function moved(client: StreamableClient, server: string, base: string): StreamableClient {
  const next = streamable(server, base);
  next.session = client.session;
  return next;
}

function call(rawId: string, name: string, args: object, more: object = {}): string {
  return requestText(rawId, 'tools/call', { name, arguments: args, ...more });
}

it('the only gateway comes back, and its sessions go on where they were', { timeout: LONGEST }, async () => {
  const [sole] = await gateways(1);
  if (!sole) throw new Error('a gateway is needed');
  const at = release.serverUrl('each', sole.url);
  const options = { key: release.key };
  const [watcher, client] = [streamable('each', sole.url), streamable('each', sole.url)];
  for (const one of [watcher, client]) await one.initialize();
  const before = await recorded(client);
  void client.send(
    call('"alone-streamed"', 'hold', { key: 'alone-streamed' }, { _meta: { progressToken: 'p' } }),
  );
  const { eventId } = await client.inbox.method('notifications/progress');
  const ended = await Promise.all(
    TRANSPORTS.slice(1).map(async (transport) => {
      const one = await session(transport, at, options);
      void one.send(call(`"alone-${transport}"`, 'hold', { key: `alone-${transport}` }));
      return one;
    }),
  );
  const keys = ['alone-streamed', ...TRANSPORTS.slice(1).map((transport) => `alone-${transport}`)];
  await eventually('three calls', async () => {
    const { executions } = await recorded(watcher);
    return keys.every((key) => executions.includes(key));
  });
  const crowd = Array.from({ length: ALONE }, (_, index) => ({
    key: `alone-${index}`,
    one: streamable('all', sole.url),
  }));
  for (let from = 0; from < ALONE; from += AT_ONCE)
    await Promise.all(crowd.slice(from, from + AT_ONCE).map(({ one }) => one.initialize()));
  const crowdWatcher = streamable('all', sole.url);
  await crowdWatcher.initialize();
  const { pid } = await recorded(crowdWatcher);
  for (const { one, key } of crowd)
    one.send(call(`"${key}"`, 'hold', { key })).catch(() => 'the gateway is killed');
  await eventually('all calls', async () => (await recorded(crowdWatcher)).executions.length >= ALONE);

  await killNode(sole.pod, 'gateway');
  const killed = performance.now();
  const ready = gatewayAgain(sole.pod).then(() =>
    figure('the only gateway is ready again after', since(killed)),
  );
  const [sse, ws] = ended as [SseClient, WsClient];
  await Promise.all([sse.ended, ws.closed]);
  const released = resent(
    crowdWatcher,
    call('"free"', 'release', { keys: crowd.map(({ key }) => key) }),
  ).then(() => figure('the first call after the kill is answered after', since(killed)));
  const times = await Promise.all(
    crowd.map(async ({ one, key }) => {
      const back = moved(one, 'all', sole.url);
      const answer = back.inbox.answer(`"${key}"`, PATIENCE);
      await resent(back, call(`"${key}"`, 'hold', { key }));
      expect((await answer).message.result).toEqual({ content: [{ type: 'text', text: key }] });
      return performance.now() - killed;
    }),
  );
  figure('sessions of the only gateway have their answers', spread(times));
  await Promise.all([ready, released]);

  const back = moved(client, 'each', sole.url);
  await watcher.toolText('release', { keys: ['alone-streamed'] });
  expect((await back.get(eventId)).status).toBe(200);
  expect((await back.inbox.answer('"alone-streamed"')).text).toContain('alone-streamed');
  for (const transport of TRANSPORTS.slice(1)) {
    const fresh = await session(transport, at, options);
    expect((await fresh.tool('record', { key: `fresh-${transport}` })).text).toContain(`fresh-${transport}`);
    await fresh.close();
  }
  const after = await recorded(back);
  expect(after.pid).toBe(before.pid);
  expect(timesOf(after.executions, keys)).toEqual(Object.fromEntries(keys.map((key) => [key, 1])));
  const crowded = await recorded(crowdWatcher);
  expect(crowded.pid).toBe(pid);
  expect([...crowded.executions].sort()).toEqual(crowd.map(({ key }) => key).sort());
  // That the processes of the SSE and WebSocket sessions end, too, is counted in the next test, together with those of its own.
  await Promise.all([watcher, back, crowdWatcher, ...crowd.map(({ one }) => one)].map((one) => one.close()));
  const deployment = `deployment/${release.name}-gateway`;
  await runBeside('kubectl', ['-n', release.namespace, 'scale', deployment, '--replicas=2']);
});

it('clients come back through the other gateway, nothing is lost and nothing runs twice', {
  timeout: LONGEST,
}, async () => {
  const [first, second] = await gateways();
  if (!first || !second) throw new Error('two gateways are needed');
  const at = (base: string) => release.serverUrl('each', base);
  const options = { key: release.key };
  const watcher = streamable('each', second.url);
  await watcher.initialize();
  const client = streamable('each', first.url);
  await client.initialize();
  const before = await recorded(client);

  void client.send(call('"streamed"', 'hold', { key: 'streamed' }, { _meta: { progressToken: 'p' } }));
  const { eventId } = await client.inbox.method('notifications/progress');
  const repeatedText = call('"repeated"', 'hold', { key: 'repeated' });
  client.send(repeatedText).catch(() => 'the gateway is killed');
  const sse = await SseClient.connect(`${at(first.url)}/sse`, options);
  const ws = await WsClient.connect(`${at(first.url)}/ws`, options);
  for (const [name, one] of [['sse', sse] as const, ['websocket', ws] as const]) {
    await one.initialize();
    void one.send(call(`"${name}"`, 'hold', { key: name }));
  }
  const modern = new ModernHttpClient(`${at(first.url)}/mcp`, options);
  const modernCall = modern.start('tools/call', { name: 'hold', arguments: { key: 'modern' } });
  const agent = new StreamableClient(`${first.url}/mcp`, options);
  await agent.initialize();
  const keys = ['streamed', 'repeated', 'sse', 'websocket', 'modern'];
  await eventually('five calls', async () => {
    const { executions } = await recorded(watcher);
    return keys.every((key) => executions.includes(key));
  });

  await killNode(first.pod, 'gateway');
  const killed = performance.now();
  await Promise.all([sse.ended, ws.closed, expect(modernCall.answer()).rejects.toThrow()]);
  figure('SSE, WebSocket and modern clients of the killed gateway know it after', since(killed));

  // On Berth's own endpoint.
  const agentBack = new StreamableClient(`${second.url}/mcp`, options);
  agentBack.session = agent.session;
  expect(await agentBack.toolText('get_mcp_status', { name: 'each' })).toContain('"status":"running"');
  const back = moved(client, 'each', second.url);
  await watcher.toolText('release', { keys: ['streamed'] });
  expect((await back.get(eventId)).status).toBe(200);
  const progress = await back.inbox.method('notifications/progress');
  expect(progress.message.params).toMatchObject({ progressToken: 'p', progress: 2 });
  expect((await back.inbox.answer('"streamed"')).text).toContain('streamed');
  const repeated = back.send(repeatedText);
  await watcher.toolText('release', { keys: ['repeated'] });
  expect((await back.inbox.answer('"repeated"')).text).toContain('repeated');
  expect(await repeated).toBe(200);
  figure(
    'both calls of the Streamable HTTP client are answered through the other gateway after',
    since(killed),
  );

  const again = await Promise.all(
    (['sse', 'websocket'] as const).map((transport) => session(transport, at(second.url), options)),
  );
  for (const one of again) expect((await one.tool('record', { key: 'again' })).text).toContain('again');
  figure('SSE and WebSocket clients have new sessions after', since(killed));
  const modernAgain = new ModernHttpClient(`${at(second.url)}/mcp`, options);
  await eventually('the cancellation of the modern call', async () => {
    const answer = await modernAgain.tool('executions');
    const [{ text = '' } = {}] = (answer.result?.content ?? []) as { text?: string }[];
    return (JSON.parse(text) as { cancelled: unknown[] }).cancelled.length === 1;
  });
  figure('the modern call is cancelled on the server after', since(killed));

  const after = await recorded(back);
  expect(after.pid).toBe(before.pid);
  expect(timesOf(after.executions, keys)).toEqual(Object.fromEntries(keys.map((key) => [key, 1])));
  const [pod] = await release.serverPods('each');
  if (!pod) throw new Error('the server has no pod');
  // Watcher, the one that came back, both new sessions, and the modern client's process.
  await eventually('the end of the processes whose clients were cut off', async () => {
    return (await nodesIn(pod, 'workload', 'server.mjs')).length === 5;
  });
  figure('processes of the sessions that ended with the gateway are gone after', since(killed));
  await gatewayAgain(first.pod);
  await Promise.all([watcher, back, agentBack, ...again].map((one) => one.close()));
});

it('what comes to the wrong gateway of two is handed on: answers to questions, what is called off, the end of a session', {
  timeout: LONGEST,
}, async () => {
  const [first, second] = await gateways();
  if (!first || !second) throw new Error('two gateways are needed');
  const options = { key: release.key, capabilities: { elicitation: {} } };
  const clientOf = (path: string, base: string, id?: string): StreamableClient => {
    const client = new StreamableClient(`${base}${path}`, options);
    client.session = id;
    return client;
  };
  const agent = clientOf('/mcp', first.url);
  await agent.initialize();
  const other = clientOf('/mcp', second.url, agent.session);
  const run = { npm: 'some-mcp-server', version: '1.0.0' };
  void agent.send(call('"asks"', 'run_server', run));
  const question = await agent.inbox.method('elicitation/create');
  const answered = performance.now();
  expect(await other.respond(question.message.id, { action: 'decline' })).toBe(202);
  expect((await agent.inbox.answer('"asks"')).text).toContain('the person did not agree');
  figure('the answer to a question of another gateway ends the call after', since(answered));

  // A group's call that waits in the server is called off there.
  const groupAt = (method: string, body?: object) =>
    fetch(`${first.url}/api/v1/groups/handed`, {
      method,
      headers: { Authorization: `Bearer ${release.key}`, 'Content-Type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
  expect((await groupAt('PUT', { name: 'handed', servers: ['each'] })).status).toBe(201);
  const path = '/groups/handed/mcp';
  const [member, watcher] = [clientOf(path, first.url), streamable('each', second.url)];
  await Promise.all([member.initialize(), watcher.initialize()]);
  const memberElsewhere = clientOf(path, second.url, member.session);
  let tries = 0;
  await eventually('the group at both gateways', async () =>
    (await memberElsewhere.request(`"try-${++tries}"`, 'tools/list')).text.includes('each__hold'),
  );
  // In the process that serves the group's client; another one knows nothing of it.
  const calledOff = async (): Promise<number> =>
    (JSON.parse(await memberElsewhere.toolText('each__executions')) as { cancelled: unknown[] }).cancelled
      .length;
  expect(await calledOff()).toBe(0);
  void member.send(call('"long"', 'each__hold', { key: 'called off' }));
  await eventually('the call', async () => (await recorded(watcher)).executions.includes('called off'));
  expect(await memberElsewhere.notify('notifications/cancelled', { requestId: 'long' })).toBe(202);
  await eventually('the cancellation', async () => (await calledOff()) === 1);

  for (const [ending, left] of [[other, agent] as const, [memberElsewhere, member] as const]) {
    expect(await ending.delete()).toBe(200);
    await eventually('the end at the other gateway', async () => {
      return (await left.send(requestText('1', 'tools/list'))) === 404;
    });
    left.cut();
  }
  expect((await groupAt('DELETE')).status).toBe(204);
  await watcher.close();
});

it(`${SESSIONS} sessions: those of the killed gateway go on through the other one, with their calls in flight`, {
  timeout: LONGEST,
}, async () => {
  const [first, second] = await gateways();
  if (!first || !second) throw new Error('two gateways are needed');
  const clients = Array.from({ length: SESSIONS }, (_, index) => ({
    index,
    client: streamable('all', index % 2 === 0 ? first.url : second.url),
  }));
  for (let at = 0; at < SESSIONS; at += AT_ONCE)
    await Promise.all(clients.slice(at, at + AT_ONCE).map(({ client }) => client.initialize()));
  const watcher = streamable('all', second.url);
  await watcher.initialize();
  const { pid } = await recorded(watcher);

  const lost = clients.filter(({ index }) => index % 2 === 0);
  const textOf = (index: number): string => call(`"${index}"`, 'hold', { key: `held-${index}` });
  for (const { client, index } of lost) client.send(textOf(index)).catch(() => 'the gateway is killed');
  await eventually('all calls', async () => {
    const { executions } = await recorded(watcher);
    return executions.filter((key) => key.startsWith('held-')).length >= lost.length;
  });
  await killNode(first.pod, 'gateway');
  const killed = performance.now();
  const released = watcher.toolText('release', { keys: lost.map(({ index }) => `held-${index}`) });
  const times = await Promise.all(
    clients.map(async ({ client, index }) => {
      const back = index % 2 === 0 ? moved(client, 'all', second.url) : client;
      const key = index % 2 === 0 ? `held-${index}` : `fresh-${index}`;
      const text = index % 2 === 0 ? textOf(index) : call(`"${index}"`, 'record', { key });
      const answer = back.inbox.answer(`"${index}"`, PATIENCE);
      await back.send(text);
      expect((await answer).message.result).toEqual({ content: [{ type: 'text', text: key }] });
      return performance.now() - killed;
    }),
  );
  figure(
    'usable again after the kill, sessions of the killed gateway',
    spread(times.filter((_, at) => at % 2 === 0)),
  );
  figure('the same, sessions of the other gateway', spread(times.filter((_, at) => at % 2 === 1)));
  await released;
  const after = await recorded(watcher);
  expect(after.pid).toBe(pid);
  expect(after.executions.filter((key) => key.startsWith('held-'))).toHaveLength(lost.length);
  expect(new Set(after.executions).size).toBe(after.executions.length);
});

/** Calls of a session, of a modern client and on a WebSocket, all through one gateway, that are answered when their keys are released; and a listen. */
async function heldThrough(url: string, index: number) {
  const one = streamable('each', url);
  await one.initialize();
  const keys = [`kept-${index}`, `kept-modern-${index}`, `kept-ws-${index}`] as const;
  const sent = one.send(call(`"${keys[0]}"`, 'hold', { key: keys[0] }));
  const modern = new ModernHttpClient(`${release.serverUrl('each', url)}/mcp`, { key: release.key });
  const modernCall = modern.start('tools/call', { name: 'hold', arguments: { key: keys[1] } });
  const ws = await WsClient.connect(`${release.serverUrl('each', url)}/ws`, { key: release.key });
  await ws.initialize();
  await ws.send(call(`"${keys[2]}"`, 'hold', { key: keys[2] }));
  const listen = modern.start('subscriptions/listen', { notifications: { toolsListChanged: true } });
  await listen.inbox.method('notifications/subscriptions/acknowledged');
  const completed = listen.answer(PATIENCE);
  completed.catch(() => {});
  // Each on the connection that it began on: nothing is repeated.
  const answers = Promise.all([
    sent.then(() => one.inbox.answer(`"${keys[0]}"`, PATIENCE)),
    modernCall.answer(PATIENCE),
    ws.inbox.answer(`"${keys[2]}"`, PATIENCE),
  ]);
  // It is told where it is awaited.
  answers.catch(() => {});
  return { url, keys, answers, ws, completed };
}

it('a rollout of the gateways under load answers what is in flight first, loses no call and runs none twice', {
  timeout: LONGEST,
}, async () => {
  const before = await gateways();
  const clients = Array.from({ length: LOAD }, () => streamable('each', release.url));
  for (const client of clients) await client.initialize();
  const pids = await Promise.all(clients.map(async (client) => (await recorded(client)).pid));
  const others = await Promise.all(
    TRANSPORTS.slice(1).map((transport) =>
      session(transport, release.serverUrl('each'), { key: release.key }),
    ),
  );
  const watcher = streamable('each', release.url);
  await watcher.initialize();
  const held = await Promise.all(before.map(({ url }, index) => heldThrough(url, index)));
  const heldKeys = held.flatMap(({ keys }) => keys);
  await eventually('the calls that are held', async () => {
    const { executions } = await recorded(watcher);
    return heldKeys.every((key) => executions.includes(key));
  });
  const modern = Array.from(
    { length: MODERN_LOAD },
    () => new ModernHttpClient(`${release.serverUrl('each')}/mcp`, { key: release.key }),
  );
  const load = startLoad('roll', { sessions: clients, modern });
  const began = performance.now();
  let report: LoadReport | undefined;
  try {
    const deployment = `deployment/${release.name}-gateway`;
    await runBeside('kubectl', ['-n', release.namespace, 'rollout', 'restart', deployment]);
    const drained = held.map(async ({ url, keys, answers, ws, completed }) => {
      // It has been told to end, and takes nobody any more: what it has it answers.
      await steady('a gateway that takes no connection', () =>
        open(url)
          .then((response) => response.body())
          .then(
            () => undefined,
            () => true,
          ),
      );
      const told = performance.now();
      // What only listens holds nobody up, and its client listens anew, elsewhere.
      expect((await completed).message.result).toMatchObject({ resultType: 'complete' });
      await steady('the release', () => watcher.toolText('release', { keys }).catch(() => undefined));
      const got = (await answers).map(({ message }) => message.result);
      expect(got).toMatchObject(keys.map((key) => ({ content: [{ type: 'text', text: key }] })));
      expect(await ws.closed).toBe(1001);
      figure('a gateway that is replaced has ended its connections after', since(told));
    });
    await Promise.all(drained);
    await runBeside('kubectl', ['-n', release.namespace, 'rollout', 'status', deployment, '--timeout=240s']);
    await gateways();
  } finally {
    report = await load.end();
  }
  const { keys, repeats, cut, longest } = report;
  figure('both gateways are replaced after', since(began));
  figure(
    'calls during it',
    `${keys.length}, ${repeats} POSTs were repeated, the longest took ${(longest / 1_000).toFixed(2)} s`,
  );
  // What a gateway had read before it was to end was answered by it.
  expect(cut).toEqual([]);
  const [sse, ws] = others as [SseClient, WsClient];
  await Promise.all([sse.ended, ws.closed]);
  // A connection that the Service still gives to a gateway which is about to end is cut at once: then there is another one.
  const fresh = await steady('a new session', () =>
    session('sse', release.serverUrl('each'), { key: release.key }).catch(() => undefined),
  );
  expect((await fresh.tool('record', { key: 'fresh' })).text).toContain('fresh');
  const after = await Promise.all(clients.map(recorded));
  expect(after.map(({ pid }) => pid)).toEqual(pids);
  const all = [...keys, ...heldKeys];
  expect(timesOf(after[0]?.executions ?? [], all)).toEqual(Object.fromEntries(all.map((key) => [key, 1])));
  await Promise.all([fresh, watcher, ...clients].map((client) => client.close()));
});

it('what holds for all servers is changed: who is in use goes on as before, who is idle has it at once', {
  timeout: LONGEST,
}, async () => {
  await release.run(recorderSpec('idle'));
  const podsOf = async (server: string): Promise<string[]> =>
    (await release.serverPods(server))
      .filter(({ metadata }) => !metadata.deletionTimestamp)
      .map(({ metadata }) => metadata.uid ?? '');
  const [before] = await gateways();
  const client = streamable('each', before?.url ?? '');
  await client.initialize();
  const { pid } = await recorded(client);
  const [used, idle] = [await podsOf('each'), await podsOf('idle')];
  // As many gateways as were asked for by hand.
  const set = ['--reuse-values', '--set', 'settings.limits.idle=25m,gateway.replicas=2'];
  await release.helm('upgrade', CHART, ...set, '--wait', '--timeout=150s');
  await steady('another pod of the idle one', async () => {
    const now = await podsOf('idle');
    return now.length === 1 && now[0] !== idle[0] ? true : undefined;
  });
  const [after] = await gateways();
  const back = moved(client, 'each', after?.url ?? '');
  expect((await recorded(back)).pid).toBe(pid);
  expect(await podsOf('each')).toEqual(used);
  await back.close();
});
