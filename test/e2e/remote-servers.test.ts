/** A URL in, a URL out: servers of the official SDKs behind a real gateway, by API and by command, for clients of all transports. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/local-process.ts';
import { connectSdk, ELICITED, SDK_CLIENTS } from '../support/sdk-clients.ts';
import {
  type SdkServer,
  startModernSocketV2,
  startModernV2,
  startSocketV1,
  startSseV1,
  startStreamableV1,
} from '../support/sdk-servers.ts';

const TOKEN = 'canary-remote-token';
const program = (name: string) => fileURLToPath(new URL(`../../src/${name}`, import.meta.url));

let folder: string;
let gateway: ChildProcess;
let url = '';
let said = '';
const servers = new Map<string, SdkServer>();

const environment = () => ({
  ...process.env,
  BERTH_DATA_DIR: folder,
  BERTH_PORT: '0',
  BERTH_HOST: '127.0.0.1',
  BERTH_URL: url,
  BERTH_REMOTE_ALLOWED_HOSTS: '127.0.0.1',
  REMOTE_TOKEN: TOKEN,
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-remote-'));
  servers.set('streamable', await startStreamableV1());
  servers.set('stream', await startSseV1());
  servers.set('modern', await startModernV2());
  servers.set('socket', await startSocketV1());
  servers.set('modern-socket', await startModernSocketV2());
  gateway = spawn(process.execPath, [program('main.ts')], {
    env: environment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const output of [gateway.stdout, gateway.stderr])
    output?.on('data', (chunk: Buffer) => {
      said += chunk.toString('utf8');
    });
  url = await eventually('the gateway', () => /^Berth listens on (\S+)/m.exec(said)?.[1]);
});
afterAll(async () => {
  const ended = once(gateway, 'exit');
  gateway.kill('SIGTERM');
  await ended;
  for (const server of servers.values()) await server.close();
  await rm(folder, { recursive: true, force: true });
});

const serverOf = (name: string): SdkServer => servers.get(name) as SdkServer;
const base = (name: string): string => `${url}/servers/${name}`;

interface Created {
  readonly code?: string;
  readonly status?: { readonly endpoints?: readonly unknown[] };
}

async function create(body: object): Promise<{ status: number; body: Created }> {
  const response = await fetch(`${url}/api/v1/servers?wait=ready`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Created };
}

async function berth(...args: string[]): Promise<{ out: string; err: string; code: number }> {
  try {
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      [program('cli/main.ts'), ...args],
      {
        env: environment(),
      },
    );
    return { out: stdout, err: stderr, code: 0 };
  } catch (error) {
    const { stdout, stderr, code } = error as { stdout: string; stderr: string; code: number };
    return { out: stdout, err: stderr, code };
  }
}

it('a URL given to the API becomes three URLs', async () => {
  const headers = { Authorization: 'Bearer env:REMOTE_TOKEN' };
  const remote = { url: serverOf('streamable').url, headers };
  const { status, body } = await create({ name: 'streamable', source: { remote } });
  expect(status).toBe(201);
  expect(body).toMatchObject({
    spec: {
      source: { remote: { headers: { Authorization: { fromEnv: 'REMOTE_TOKEN', scheme: 'Bearer' } } } },
    },
    status: {
      state: 'running',
      eras: ['legacy'],
      remote: { url: remote.url, transport: 'streamable-http' },
      serverInfo: { name: 'sdk-v1' },
      tools: ['echo', 'count', 'ask'],
    },
  });
  expect(body.status?.endpoints).toHaveLength(3);
  expect(JSON.stringify(body)).not.toContain(TOKEN);
  expect([...serverOf('streamable').credentials]).toEqual([`Bearer ${TOKEN}`]);
});

it('a URL given to the command does the same', async () => {
  const { code, out, err } = await berth('run', serverOf('stream').url, '--name', 'stream');
  expect(code).toBe(0);
  expect(err).toMatch(/^◒ 127\.0\.0\.1:\d+\/sse {2}start ✓/);
  expect(out).toContain('stream is running, 3 tools, speaks legacy');
  expect(out).toContain(`${base('stream')}/mcp`);
  expect((await berth('ls')).out).toContain(serverOf('stream').url);
});

it('a modern server is found to be one', async () => {
  const { status, body } = await create({
    name: 'modern',
    source: { remote: { url: serverOf('modern').url } },
  });
  expect(status).toBe(201);
  expect(body).toMatchObject({
    status: { eras: ['modern'], serverInfo: { name: 'sdk-v2' }, tools: ['echo'] },
  });
});

it('a URL of WebSocket says itself what is spoken there; the eras are found out', async () => {
  const { url } = serverOf('socket');
  const { code, out } = await berth(
    'run',
    url,
    '--name',
    'socket',
    '--header',
    'Authorization=Bearer env:REMOTE_TOKEN',
  );
  expect(code).toBe(0);
  expect([...serverOf('socket').credentials]).toEqual([`Bearer ${TOKEN}`]);
  expect(out).toContain('socket is running, 3 tools, speaks legacy');
  const modern = await create({
    name: 'modern-socket',
    source: { remote: { url: serverOf('modern-socket').url } },
  });
  expect(modern).toMatchObject({
    status: 201,
    body: {
      status: {
        eras: ['modern'],
        remote: { transport: 'websocket' },
        serverInfo: { name: 'sdk-v2' },
        tools: ['echo'],
      },
    },
  });
});

it('a gateway in front of a gateway, over WebSocket, finds both eras', async () => {
  const { status, body } = await create({
    name: 'mirror',
    source: { remote: { url: `${base('socket').replace(/^http/, 'ws')}/ws` } },
  });
  expect(status).toBe(201);
  expect(body).toMatchObject({
    status: {
      eras: ['legacy', 'modern'],
      remote: { transport: 'websocket' },
      serverInfo: { name: 'sdk-v1' },
    },
  });
});

describe.each(['streamable', 'stream', 'socket', 'mirror'])('the remote server %s', (name) => {
  it.each(SDK_CLIENTS)('serves the client %s', async (flavour) => {
    const client = await connectSdk(flavour, base(name));
    const progress: number[] = [];
    expect(client.serverName).toBe('sdk-v1');
    expect(await client.listTools()).toEqual(['echo', 'count', 'ask']);
    expect(await client.callTool('echo', { message: 'ahoy' })).toBe('ahoy');
    await client.callTool('count', {}, { progress: (value) => progress.push(value) });
    expect(progress).toEqual([1, 2, 3]);
    expect(await client.callTool('ask', {})).toBe(JSON.stringify(ELICITED));
    await client.close();
  });
});

describe.each(['streamable', 'stream', 'socket'])('the remote server %s', (name) => {
  it('has a session for each client, which ends with the client', async () => {
    const before = serverOf(name).sessions;
    const clients = await Promise.all([1, 2, 3].map(() => connectSdk('v1 streamable-http', base(name))));
    expect(serverOf(name).sessions).toBe(before + 3);
    const answers = clients.map((client, n) => client.callTool('echo', { message: `client ${n}` }));
    expect(await Promise.all(answers)).toEqual(['client 0', 'client 1', 'client 2']);
    for (const client of clients) await client.close();
    await eventually('they have ended', () => serverOf(name).sessions === before);
  });
});

it.each(
  ['modern', 'modern-socket'].flatMap((name) => SDK_CLIENTS.map((flavour) => [name, flavour] as const)),
)('the server %s serves the client %s', async (name, flavour) => {
  const client = await connectSdk(flavour, base(name));
  expect(client.serverName).toBe('sdk-v2');
  expect(await client.listTools()).toEqual(['echo']);
  expect(await client.callTool('echo', { message: 'ahoy' })).toBe('ahoy');
  await client.close();
});

it('a remote server that has forgotten its sessions is spoken to in another, and the client sees nothing of it', async () => {
  const client = await connectSdk('v1 streamable-http', base('streamable'));
  serverOf('streamable').forget();
  expect(await client.callTool('echo', { message: 'still here' })).toBe('still here');
  await client.close();
});

it('a WebSocket that breaks off ends its session with a reason, and the next is another', async () => {
  const client = await connectSdk('v1 streamable-http', base('socket'));
  // Its progress shows that it is under way.
  const lost = client.callTool('count', {}, { progress: () => serverOf('socket').forget() });
  await expect(lost).rejects.toThrow(/connection to the remote server broke off/);
  const next = await connectSdk('v1 streamable-http', base('socket'));
  expect(await next.callTool('echo', { message: 'again' })).toBe('again');
  await next.close();
});

it('a place that is not public is refused, and so is what is not there', async () => {
  const refused = await create({ name: 'inner', source: { remote: { url: 'https://169.254.169.254/mcp' } } });
  expect([refused.status, refused.body.code]).toEqual([403, 'not-allowed']);
  const { code, err } = await berth('run', 'http://127.0.0.1:1/mcp', '--name', 'nobody');
  expect(code).toBe(5);
  expect(err).toMatch(
    /✗ failed in phase start.*\n {2}error {3}cannot reach 127\.0\.0\.1:1: ECONNREFUSED\n {2}hint/,
  );
  const wrong = await berth(
    'run',
    serverOf('streamable').url.replace('/mcp', '/mcp?token=x'),
    '--name',
    'wrong',
  );
  expect(wrong.err).toContain('credential in its query');
});

it('says no secret anywhere', () => {
  expect(said).not.toContain(TOKEN);
});
