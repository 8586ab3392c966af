/** Servers as people use them, from the registries: each is installed, then listed and called by the official SDKs' clients over every transport. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createControlListener } from '../../src/api/control-listener.ts';
import { createGroupEndpoint, type GroupEndpoint } from '../../src/control/group-endpoint.ts';
import { GroupLists } from '../../src/groups/group-lists.ts';
import { parseGroup } from '../../src/groups/group-spec.ts';
import { Groups } from '../../src/groups/groups.ts';
import { SqliteGroupStore } from '../../src/store/group-store.ts';
import { startGateway } from '../support/gateway.ts';
import { eventually } from '../support/local-process.ts';
import { ownSeal } from '../support/own-seal.ts';
import { packageOf, type RealServer, realServers } from '../support/real-servers.ts';
import { connectSdk, eraOf, SAMPLED, SDK_CLIENTS } from '../support/sdk-clients.ts';
import { testPackages } from '../support/trees.ts';

const SLUGS = ['everything', 'filesystem', 'memory', 'sequential-thinking', 'time', 'git', 'fetch'];
const INSTALL_MS = 300_000;

let folder: string;
let site: Server;
let servers: Map<string, RealServer>;
let endpoint: GroupEndpoint;
let gateway: Awaited<ReturnType<typeof startGateway>>;

/** Installs a server's tree and says how to start it. */
async function prepare(server: RealServer) {
  const packages = testPackages();
  const tree = await packages.install(await packages.resolve(await packageOf(server.slug)));
  const launch = packages.launch(tree, { args: server.args, env: server.env, home: folder });
  return { name: server.slug, launch };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-real-'));
  site = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end(
      '<html><head><title>t</title></head><body><main><p>This is the berth page.</p></main></body></html>',
    );
  }).listen(0, '127.0.0.1');
  await once(site, 'listening');
  const page = `http://127.0.0.1:${(site.address() as AddressInfo).port}/page`;
  servers = new Map((await realServers(folder, page)).map((server) => [server.slug, server]));
  const prepared = [];
  for (const server of servers.values()) prepared.push(await prepare(server));
  const groups = new Groups(new SqliteGroupStore(':memory:'));
  groups.create(parseGroup({ name: 'some', servers: ['everything', { server: 'time', prefix: 't_' }] }));
  gateway = await startGateway({
    servers: prepared,
    control: ({ guard, ask, calls }) => {
      endpoint = createGroupEndpoint({
        ...{ groups, ask, seal: ownSeal() },
        lists: new GroupLists(calls),
        isUp: () => true,
      });
      const app = { fetch: () => new Response(null, { status: 404 }) };
      return createControlListener({ app, groups: endpoint, guard, ready: () => true });
    },
  });
}, INSTALL_MS);
afterAll(async () => {
  await endpoint?.close();
  await gateway?.close();
  site?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Calls that the gateway still waits for, over all clients of a server. */
function callsInFlight(slug: string): number {
  const sessions = gateway.host.sessions(gateway.ids.get(slug) ?? '');
  return sessions.reduce((sum, session) => sum + session.callsInFlight, 0);
}

describe.each(SLUGS)('the server %s', (slug) => {
  it.each(SDK_CLIENTS)('is listed, called and called off by the SDK client %s', async (flavour) => {
    const { tool, input, answer } = servers.get(slug) as RealServer;
    const client = await connectSdk(flavour, gateway.url(slug));
    expect(client.era).toBe(eraOf(flavour));
    expect(await client.listTools()).toContain(tool);
    expect(await client.callTool(tool, input)).toMatch(answer);
    const giveUp = new AbortController();
    const call = client.callTool(tool, input, { signal: giveUp.signal, progress: () => {} });
    giveUp.abort();
    await expect(call).rejects.toThrow(/abort/i);
    await eventually('no call is in flight', () => callsInFlight(slug) === 0);
    expect(await client.callTool(tool, input)).toMatch(answer);
    await client.close();
  });
});

it.each(SDK_CLIENTS)(
  'a long call of the SDK client %s reports its progress until it is cancelled',
  async (flavour) => {
    const client = await connectSdk(flavour, gateway.url('everything'));
    const giveUp = new AbortController();
    const steps: number[] = [];
    const progress = (step: number): void => {
      if (steps.push(step) === 3) giveUp.abort();
    };
    const args = { duration: 10, steps: 100 };
    const call = client.callTool('trigger-long-running-operation', args, { progress, signal: giveUp.signal });
    await expect(call).rejects.toThrow(/abort/i);
    expect(steps).toEqual([1, 2, 3]);
    await eventually('no call is in flight', () => callsInFlight('everything') === 0);
    expect(await client.callTool('echo', { message: 'still here' })).toContain('still here');
    await client.close();
  },
);

it.each(SDK_CLIENTS)(
  'the SDK client %s is asked for input, for a word of its model and for its roots',
  async (flavour) => {
    const roots = [{ uri: 'file:///berth', name: 'berth' }];
    const client = await connectSdk(flavour, gateway.url('everything'), { roots });
    expect(await client.callTool('trigger-elicitation-request', {})).toContain('User provided');
    expect(await client.callTool('trigger-sampling-request', { prompt: 'Say it' })).toContain(SAMPLED.text);
    expect(await client.callTool('get-roots-list', {})).toContain('file:///berth');
    await client.close();
  },
);

const IN_GROUPS = SDK_CLIENTS.filter((flavour) => flavour.endsWith('streamable-http'));

it.each(IN_GROUPS)('the SDK client %s uses two of them as one', async (flavour) => {
  const roots = [{ uri: 'file:///berth', name: 'berth' }];
  const client = await connectSdk(flavour, `http://127.0.0.1:${gateway.port}/groups/some`, { roots });
  const tools = await client.listTools();
  expect(tools).toEqual(expect.arrayContaining(['everything__echo', 't_convert_time', 't_get_current_time']));
  expect(await client.callTool('everything__echo', { message: 'in a group' })).toContain('in a group');
  const time = { source_timezone: 'UTC', time: '12:00', target_timezone: 'Asia/Tokyo' };
  expect(await client.callTool('t_convert_time', time)).toContain('21:00');
  expect(await client.callTool('everything__trigger-elicitation-request', {})).toContain('User provided');
  const prompt = { prompt: 'Say it' };
  expect(await client.callTool('everything__trigger-sampling-request', prompt)).toContain(SAMPLED.text);
  expect(await client.callTool('everything__get-roots-list', {})).toContain('file:///berth');
  // What it listens to is in flight as long as it is there.
  const before = callsInFlight('everything');
  const giveUp = new AbortController();
  const steps: number[] = [];
  const progress = (step: number): void => {
    if (steps.push(step) === 3) giveUp.abort();
  };
  const long = 'everything__trigger-long-running-operation';
  const call = client.callTool(long, { duration: 10, steps: 100 }, { progress, signal: giveUp.signal });
  await expect(call).rejects.toThrow(/abort/i);
  await eventually('the call is over', () => callsInFlight('everything') <= before);
  await client.close();
});
