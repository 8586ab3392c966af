import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseMark } from '../../src/supervisor/process-mark.ts';
import { createProcessTable } from '../../src/supervisor/process-table.ts';
import type { GatewayProgram } from '../support/gateway-program.ts';
import { requestText } from '../support/mcp-client.ts';
import { StreamableClient } from '../support/streamable-client.ts';
import { type TrapState, trapLaunch, trapState, until, untilCalled } from '../support/trap.ts';

const SUPERVISOR = fileURLToPath(new URL('../../src/supervisor/main.ts', import.meta.url));
const GATEWAY = fileURLToPath(new URL('../support/gateway-program.ts', import.meta.url));
const STUBBORN = fileURLToPath(new URL('../fixtures/processes/stubborn.mjs', import.meta.url));

describe('a supervisor of its own under several gateways', () => {
  const children: ChildProcess[] = [];
  let folder: string;
  let socket: string;
  let server: GatewayProgram['server'];
  let seal: GatewayProgram['seal'];

  /** Starts a program and gives the JSON of its first line. */
  const run = async (file: string, ...args: string[]) => {
    const child = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    const lines = createInterface({ input: child.stdout });
    const [line] = (await Promise.race([
      once(lines, 'line'),
      once(child, 'exit').then(([code]) => Promise.reject(new Error(`${file} ended with ${String(code)}`))),
    ])) as [string];
    return { child, said: JSON.parse(line) as Record<string, unknown> };
  };
  const kill = async (child: ChildProcess, signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  };
  const supervisor = async (launch: { file: string; args: string[] }, limits = {}) => {
    const config = join(folder, 'supervisor.json');
    const env = { PATH: process.env.PATH ?? '', HOME: folder };
    const definition = { ...server, launch: { ...launch, env, cwd: folder }, isolation: 'session', limits };
    const servers = [{ ...definition, sessions: 'minted' }];
    writeFileSync(config, JSON.stringify({ dataDir: join(folder, 'data'), servers }));
    return run(SUPERVISOR, '--socket', socket, '--config', config);
  };
  let instances = 0;
  const gateway = async () => {
    const program: GatewayProgram = { socket, dataDir: folder, instance: `g${++instances}`, server, seal };
    const { child, said } = await run(GATEWAY, JSON.stringify(program));
    return { child, url: `http://127.0.0.1:${String(said.port)}/servers/${server.name}/mcp` };
  };
  /** The same client, as it comes back on another gateway. */
  const moved = (client: StreamableClient, url: string): StreamableClient => {
    const next = new StreamableClient(url);
    next.session = client.session;
    return next;
  };

  /** Calls a tool under an id that the client has not used on another gateway. */
  const tool = async (client: StreamableClient, name: string, args = {}): Promise<string> => {
    const params = { name, arguments: args };
    const { message } = await client.request(`"back-${++lastId}"`, 'tools/call', params);
    const [first] = (message.result?.content ?? []) as { text: string }[];
    return first?.text ?? '';
  };
  let lastId = 0;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'berth-kill-'));
    socket = join(folder, 'socket');
    server = { id: randomUUID(), name: 'trap' };
    seal = {
      name: randomBytes(4).toString('base64url'),
      secret: randomBytes(32).toString('base64url'),
    };
  });
  afterEach(async () => {
    for (const child of children.splice(0).reverse()) await kill(child, 'SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  });

  it('gives clients of a killed gateway their answers on another one, by event id and by repeating the POST', async () => {
    await supervisor(trapLaunch());
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    const [first, second] = [await gateway(), await gateway()];
    const client = new StreamableClient(first.url);
    await client.initialize();
    const before = await trapState(client);

    const held = { name: 'hold', arguments: { key: 'streamed' }, _meta: { progressToken: 'p' } };
    void client.send(requestText('"streamed"', 'tools/call', held));
    const { eventId } = await client.inbox.method('notifications/progress');
    const repeatedText = requestText('"repeated"', 'tools/call', {
      name: 'hold',
      arguments: { key: 'repeated' },
    });
    client.send(repeatedText).catch(() => 'the gateway is killed');
    await untilCalled(client, 'hold', 2);

    await kill(first.child, 'SIGKILL');
    const back = moved(client, second.url);
    expect(await tool(back, 'release', { key: 'streamed' })).toBe('true');
    const resumed = await back.get(eventId);
    expect(resumed.status).toBe(200);
    const progress = await back.inbox.method('notifications/progress');
    expect(progress.message.params).toMatchObject({ progressToken: 'p', progress: 2 });
    expect((await back.inbox.answer('"streamed"')).text).toContain('held streamed');

    const repeated = back.send(repeatedText);
    expect(await tool(back, 'release', { key: 'repeated' })).toBe('true');
    expect((await back.inbox.answer('"repeated"')).text).toContain('held repeated');
    expect(await repeated).toBe(200);

    const after = JSON.parse(await tool(back, 'state')) as TrapState;
    expect(after.pid).toBe(before.pid);
    expect(after.initializes).toBe(1);
    expect(after.calls.filter((name) => name === 'hold')).toHaveLength(2);
    expect(back.inbox.waiting).toEqual([]);
    expect(await back.delete()).toBe(204);
  });

  it('a session that is ended on one gateway is unknown at once on another one that has opened its id', async () => {
    await supervisor(trapLaunch());
    const [first, second] = [await gateway(), await gateway()];
    const client = new StreamableClient(first.url);
    await client.initialize();
    const other = moved(client, second.url);
    expect((await other.request('1', 'ping')).message.result).toEqual({});
    expect(await client.delete()).toBe(204);
    const note = '{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}';
    const answers = [await other.post(requestText('2', 'ping')), await other.post(note), await other.get()];
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404]);
    expect(await other.delete()).toBe(404);
  });

  it('is replaced after its own death: what it left is ended and gateways come back', async () => {
    const old = await supervisor({ file: process.execPath, args: [STUBBORN] }, { spares: 1 });
    const table = createProcessTable();
    const marked = async (owner: number | undefined): Promise<boolean> =>
      (await table.scan()).some(({ mark }) => mark !== undefined && parseMark(mark)?.pid === owner);
    await until('the spare', () => marked(old.child.pid));
    const { url } = await gateway();
    await kill(old.child, 'SIGKILL');
    expect(await marked(old.child.pid)).toBe(true);

    await supervisor(trapLaunch());
    expect(await marked(old.child.pid)).toBe(false);
    const client = new StreamableClient(url);
    await client.initialize();
    expect((await trapState(client)).initializes).toBe(1);
  });

  it('ends gently on SIGTERM: no process, no socket', async () => {
    const running = await supervisor(trapLaunch());
    const { url } = await gateway();
    const client = new StreamableClient(url);
    await client.initialize();
    const { pid } = await trapState(client);
    await kill(running.child, 'SIGTERM');
    expect(running.child.exitCode).toBe(0);
    expect(() => process.kill(pid, 0)).toThrow();
    expect(statSync(socket, { throwIfNoEntry: false })).toBeUndefined();
  });

  it('names what is wrong with its configuration', async () => {
    const config = join(folder, 'supervisor.json');
    writeFileSync(config, JSON.stringify({ dataDir: folder, servers: [{ id: 'x' }] }));
    const child = spawn(process.execPath, [SUPERVISOR, '--socket', socket, '--config', config], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    children.push(child);
    const [line] = (await once(createInterface({ input: child.stderr }), 'line')) as [string];
    await once(child, 'close');
    expect(child.exitCode).toBe(1);
    expect(JSON.parse(line).fields.map(({ pointer }: { pointer: string }) => pointer)).toContain(
      '/servers/0/launch',
    );
  });
});
