/** The supervisor's own program in a pod: processes under berth-spawn, a status for the probes, an end that waits for its sessions. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSocketLink } from '../../src/link/socket-link.ts';
import { connectUnixSocket } from '../../src/link/unix-socket.ts';
import { readSaidLine } from '../../src/supervisor/said-line.ts';
import type { SessionReport } from '../../src/supervisor/session-report.ts';
import type { GatewayProgram } from '../support/gateway-program.ts';
import { eventually, fixture, isRunning } from '../support/local-process.ts';
import { buildSpawn, type RunningHelper, startHelper } from '../support/spawn-helper.ts';
import { StreamableClient } from '../support/streamable-client.ts';
import { trapLaunch, trapState } from '../support/trap.ts';

const SUPERVISOR = fileURLToPath(new URL('../../src/supervisor/main.ts', import.meta.url));
const GATEWAY = fileURLToPath(new URL('../support/gateway-program.ts', import.meta.url));

interface Setting {
  readonly launch?: { readonly file: string; readonly args: readonly string[] };
  readonly limits?: Readonly<Record<string, number>>;
  readonly config?: Readonly<Record<string, unknown>>;
}

const program = await buildSpawn();
const children: ChildProcess[] = [];
let helper: RunningHelper | undefined;
let folder: string;
let socket: string;
let status: string;
let server: GatewayProgram['server'];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-pod-'));
  socket = join(folder, 'link');
  status = join(folder, 'run', 'status');
  server = { id: randomUUID(), name: 'trap' };
});
afterEach(async () => {
  for (const child of children.splice(0).reverse()) await kill(child, 'SIGKILL');
  await helper?.close();
  helper = undefined;
  rmSync(folder, { recursive: true, force: true });
});

async function kill(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill(signal);
  await exit;
}

/** Starts a program and gives the JSON of its first line. */
async function run(
  file: string,
  ...args: string[]
): Promise<{ child: ChildProcess; said: Record<string, unknown> }> {
  const child = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { child, said: JSON.parse(line) as Record<string, unknown> };
}

async function startWorkload(): Promise<RunningHelper> {
  helper = await startHelper({ program, folder });
  return helper;
}

/** The file that the supervisor is started with; the workload's container shares `folder` with it. */
function writeConfig({ launch = trapLaunch(), limits = {}, config = {} }: Setting): string {
  const path = join(folder, 'supervisor.json');
  const env = { PATH: process.env.PATH ?? '' };
  const one = {
    ...server,
    launch: { ...launch, env, cwd: folder },
    isolation: 'session',
    sessions: 'minted',
    limits,
  };
  const all = {
    dataDir: join(folder, 'data'),
    spawn: { socket: join(folder, 'spawn.sock') },
    status,
    servers: [one],
    ...config,
  };
  writeFileSync(path, JSON.stringify(all));
  return path;
}

async function startSupervisor(setting: Setting = {}): Promise<ChildProcess> {
  return (await run(SUPERVISOR, '--socket', socket, '--config', writeConfig(setting))).child;
}

async function openClient(instance = 'g'): Promise<{ gateway: ChildProcess; client: StreamableClient }> {
  const seal = { name: randomBytes(4).toString('base64url'), secret: randomBytes(32).toString('base64url') };
  const settings: GatewayProgram = { socket, dataDir: folder, instance, server, seal };
  const { child, said } = await run(GATEWAY, JSON.stringify(settings));
  const client = new StreamableClient(`http://127.0.0.1:${String(said.port)}/servers/${server.name}/mcp`);
  await client.initialize();
  return { gateway: child, client };
}

const statusNow = (): string => (existsSync(status) ? readFileSync(status, 'utf8') : '');
const saysState = (pattern: RegExp) => eventually(`status ${pattern}`, () => pattern.test(statusNow()));
const probe = (...args: string[]) =>
  spawnSync(program, ['probe', '--status', status, ...args], { encoding: 'utf8' });

it('runs its sessions under the helper of the other container, and says so', async () => {
  const { child } = await startWorkload();
  await startSupervisor();
  await saysState(/^ready sessions=0 processes=0\n/);
  const { client } = await openClient();
  const { pid } = await trapState(client);
  const keeper = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ')[1];
  expect(readFileSync(`/proc/${keeper}/stat`, 'latin1').split(') ')[1]?.split(' ')[1]).toBe(
    String(child.pid),
  );
  await saysState(/^ready sessions=1 processes=1\nserver trap: ready sessions=1 processes=1 spares=0\n$/);
  expect(probe('--max-age', '60')).toMatchObject({ status: 0, stdout: statusNow() });
  expect(await client.delete()).toBe(204);
  await eventually('its end', () => !isRunning(pid));
});

it('is ready when the helper is there, starting before and failing after', async () => {
  await startSupervisor();
  await saysState(/^starting /);
  expect(statusNow()).toMatch(
    /failure phase=spawn start-failed: no berth-spawn answers at .*spawn.sock\nhint: Look at/,
  );
  expect([probe().status, probe('--mode', 'live').status]).toEqual([1, 0]);
  const first = await startWorkload();
  await saysState(/^ready /);
  await kill(first.child, 'SIGKILL');
  await saysState(/^failing /);
  expect([probe().status, probe('--mode', 'live').status]).toEqual([1, 0]);
  await startWorkload();
  await saysState(/^ready /);
});

it('is failing while no process can be started, and says in which phase and what to do', async () => {
  await startWorkload();
  await startSupervisor({ launch: { file: '/no/such/program', args: [] }, limits: { spares: 1 } });
  await saysState(/^failing sessions=0 processes=0\n/);
  expect(statusNow().split('\n')[1]).toBe('failure phase=spawn start-failed: cannot start program: ENOENT');
  expect(statusNow()).toContain(
    'hint: The program /no/such/program does not exist in the workload container',
  );
});

it('says the last words of a process that ended by itself', async () => {
  await startWorkload();
  const launch = { file: process.execPath, args: [fixture('exits'), '7', '0', 'no token given'] };
  await startSupervisor({ launch, limits: { spares: 1 } });
  await saysState(/^failing /);
  expect(statusNow()).toMatch(
    /failure phase=handshake start-failed: failed in phase handshake, exit code 7 .*\nhint: .*\nstderr: no token given\n/,
  );
});

describe.each(['the helper', 'its own container'])('processes in %s', (place) => {
  const config = place === 'the helper' ? {} : { config: { spawn: undefined } };

  it('are heard in the log of the supervisor, and stop nothing when nobody reads it', async () => {
    await startWorkload();
    const child = await startSupervisor(config);
    const lines: string[] = [];
    createInterface({ input: child.stdout as Readable }).on('line', (line) => lines.push(line));
    const { client } = await openClient();
    const { pid } = await trapState(client);
    await client.toolText('stderr', { bytes: 100 });
    const said = await eventually('the line', () => lines.map(readSaidLine).find((line) => line));
    expect(said).toEqual({ pid, stderr: expect.stringMatching(/^e+$/) });
    child.stdout?.pause();
    for (let call = 0; call < 6; call++)
      expect(await client.toolText('stderr', { bytes: 256 * 1024 })).toBe('wrote to stderr');
    expect((await trapState(client)).pid).toBe(pid);
    child.stdout?.resume();
  });

  it('end by idle time though no gateway lives', async () => {
    await startWorkload();
    await startSupervisor({
      limits: { idle: 1_500 },
      ...(place !== 'the helper' && { config: { spawn: undefined } }),
    });
    const { gateway, client } = await openClient();
    const { pid } = await trapState(client);
    await kill(gateway, 'SIGKILL');
    expect(isRunning(pid)).toBe(true);
    await eventually('the end of the process', () => !isRunning(pid));
    await saysState(/^ready sessions=0 processes=0\n/);
  });
});

describe('told to end', () => {
  it('it drains: goes on serving until its sessions have ended', async () => {
    const terminationLog = join(folder, 'termination-log');
    const { child: workload } = await startWorkload();
    const child = await startSupervisor({ config: { drain: 600_000, terminationLog } });
    const { client } = await openClient();
    child.kill('SIGTERM');
    workload.kill('SIGTERM');
    await saysState(/^draining /);
    expect([probe().status, probe('--mode', 'live').status]).toEqual([1, 0]);
    const { pid } = await trapState(client);
    expect(await client.delete()).toBe(204);
    await eventually('its end', () => child.exitCode === 0);
    expect(isRunning(pid)).toBe(false);
    expect(statusNow()).toMatch(/^stopped sessions=0 processes=0\n/);
    expect(readFileSync(terminationLog, 'utf8')).toBe(statusNow());
    expect(probe('--mode', 'live').status).toBe(1);
    await eventually('the end of the helper', () => workload.exitCode === 0);
  });

  it('it waits for calls alone once its server is there no more', async () => {
    await startWorkload();
    const launch = { file: process.execPath, args: [fixture('recorder')] };
    const child = await startSupervisor({ launch, config: { drain: 600_000 } });
    const { client } = await openClient();
    const { client: idle } = await openClient('another');
    const execution = randomUUID();
    const held = client.request('"held"', 'tools/call', { name: 'hold', arguments: { key: execution } });
    const link = createSocketLink({ connect: () => connectUnixSocket(socket), instance: 'controller' });
    const sessions = async (): Promise<readonly SessionReport[]> =>
      (await link.ask?.({ what: 'sessions', server: server.id })) as readonly SessionReport[];
    await eventually('the call', async () => (await sessions()).some(({ state }) => state === 'busy'));
    expect(await link.ask?.({ what: 'removed', server: server.id })).toBe(true);
    child.kill('SIGTERM');
    await saysState(/^draining sessions=2 /);
    await idle.request('"release"', 'tools/call', { name: 'release', arguments: { keys: [execution] } });
    expect((await held).text).toContain(execution);
    await eventually('its end', () => child.exitCode === 0);
    await link.close();
  });

  it('it ends its sessions when their time is up', async () => {
    await startWorkload();
    const child = await startSupervisor({ config: { drain: 500 } });
    const { client } = await openClient();
    const { pid } = await trapState(client);
    child.kill('SIGTERM');
    await eventually('its end', () => child.exitCode === 0);
    expect(isRunning(pid)).toBe(false);
  });

  it('twice, it does not wait', async () => {
    await startWorkload();
    const child = await startSupervisor({ config: { drain: 600_000 } });
    const { client } = await openClient();
    const { pid } = await trapState(client);
    child.kill('SIGTERM');
    await saysState(/^draining /);
    child.kill('SIGTERM');
    await eventually('its end', () => child.exitCode === 0);
    await eventually('the end of its process', () => !isRunning(pid));
  });
});

it('leaves in its status why it could not start', async () => {
  mkdirSync(socket);
  const args = [SUPERVISOR, '--socket', socket, '--config', writeConfig({})];
  const child = spawn(process.execPath, args, { stdio: 'ignore' });
  children.push(child);
  await once(child, 'exit');
  expect(child.exitCode).toBe(1);
  expect(statusNow()).toMatch(/^stopped sessions=0 processes=0\nfailure /);
});
