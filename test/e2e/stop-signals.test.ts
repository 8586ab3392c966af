/** However the gateway, or a bridge, is told to end: none of the processes that it started is left. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { onStopSignal } from '../../src/stop-signals.ts';
import { createProcessTable } from '../../src/supervisor/process-table.ts';
import { CODE_CACHE } from '../support/code-cache.ts';
import { connectSdk } from '../support/sdk-clients.ts';
import { StandInRegistry } from '../support/stand-in-registry.ts';

const GATEWAY = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const RUN_CHILD = new URL('../../bin/run-child.mjs', import.meta.url).href;
const RUN_PROGRAM = new URL('../../src/packages/run-program.ts', import.meta.url).href;
const SERVER = fileURLToPath(new URL('../fixtures/processes/mcp-server.mjs', import.meta.url));
/** It ends neither with its input nor on a signal that it can ignore. */
const STUBBORN = `for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => {}); setInterval(() => {}, 1e6);`;
const SILENT = fileURLToPath(new URL('../fixtures/processes/stubborn.mjs', import.meta.url));
const LOOKS = 1_200;
const table = createProcessTable();

let folder: string;
let registry: StandInRegistry;
let program: ChildProcess | undefined;
beforeEach(async () => {
  registry = await new StandInRegistry().start();
  folder = await mkdtemp(join(tmpdir(), 'berth-signals-'));
});
afterEach(async () => {
  if (program?.exitCode === null && program.signalCode === null) process.kill(-(program.pid ?? 0), 'SIGKILL');
  for (const { pid } of await processesHere()) process.kill(pid, 'SIGKILL');
  await registry.close();
  await rm(folder, { recursive: true, force: true });
});

/** What carries the mark of a program of this test. */
async function processesHere() {
  const found = await Promise.all(
    (await table.scan()).map(async (one) => ({
      ...one,
      environment: await readFile(`/proc/${one.pid}/environ`, 'utf8').catch(() => ''),
    })),
  );
  return found.filter(({ mark, environment }) => mark !== undefined && environment.includes(folder));
}

function environment(): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    HOME: folder,
    BERTH_DATA_DIR: join(folder, 'data'),
    BERTH_PORT: '0',
    BERTH_LIMITS_EOF_GRACE: '1s',
    BERTH_LIMITS_TERM_GRACE: '1s',
    NPM_CONFIG_REGISTRY: registry.url,
    ...CODE_CACHE,
  };
}

/** In a process group of its own. */
function run(args: readonly string[]) {
  const child = spawn(process.execPath, args, {
    env: environment(),
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  program = child;
  return child;
}

/** Resolves with the first thing that it says and `pattern` finds. */
async function start(args: readonly string[], pattern: RegExp): Promise<string> {
  const child = run(args);
  for await (const line of createInterface({ input: child.stdout })) {
    const found = pattern.exec(line);
    if (found) {
      child.stdout.resume();
      return found[0];
    }
  }
  throw new Error('the program ended');
}

function berth(...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [CLI, ...args], { env: environment() }, (error, out, err) =>
      error ? reject(new Error(err, { cause: error })) : resolve(out),
    );
  });
}

async function stubbornServer(): Promise<string> {
  return `#!/usr/bin/env node\n${await readFile(SERVER, 'utf8')}\n${STUBBORN}\n`;
}

async function publishStubborn(): Promise<void> {
  const text = await stubbornServer();
  registry.publish('mcp-stubborn', '1.0.0', {
    manifest: { bin: 'server.mjs' },
    files: { 'server.mjs': text },
  });
}

/** A gateway with one process of one server. */
async function startGateway(args: readonly string[]): Promise<string> {
  await publishStubborn();
  const url = await start(args, /http:\/\/\S+/);
  await berth('run', 'npm:mcp-stubborn', '--name', 'stubborn', '--isolation', 'shared', '--url', url);
  await berth('tools', 'stubborn', '--url', url);
  expect(await processesHere()).not.toEqual([]);
  return url;
}

const isClosed = (url: string): Promise<boolean> =>
  fetch(`${url}/livez`).then(
    () => false,
    () => true,
  );

async function until(what: () => Promise<boolean>): Promise<void> {
  for (let look = 0; look < LOOKS; look++, await sleep(50)) if (await what()) return;
  throw new Error('it did not come to that');
}

async function ended(child: ChildProcess | undefined): Promise<[number | null, NodeJS.Signals | null]> {
  if (!child) throw new Error('nothing was started');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return [child.exitCode, child.signalCode];
}

const nothingIsLeft = (): Promise<void> => until(async () => (await processesHere()).length === 0);

/** Both the shell of npm and a terminal tell a whole group, so that the launcher hands on what its program has heard already. */
function launched(script: string, ...args: string[]): string[] {
  const text = `const { runChild } = await import(${JSON.stringify(RUN_CHILD)});
    process.exitCode = await runChild(process.execPath, ${JSON.stringify([script, ...args])});`;
  return ['--input-type=module', '-e', text];
}

describe('a gateway', () => {
  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'that is told %s twice ends as if it had been told once',
    async (signal) => {
      const url = await startGateway([GATEWAY]);
      program?.kill(signal);
      await until(() => isClosed(url));
      // It waits for its process now, which lets its graces pass.
      program?.kill(signal);
      expect(await ended(program)).toEqual([0, null]);
      expect(await processesHere()).toEqual([]);
    },
  );

  it.each([
    ['npm start', launched(GATEWAY)],
    ['berth serve', launched(CLI, 'serve')],
  ])('of %s whose whole group is told, its launcher too, ends once', async (_name, args) => {
    await startGateway(args);
    process.kill(-(program?.pid ?? 0), 'SIGTERM');
    expect(await ended(program)).toEqual([0, null]);
    expect(await processesHere()).toEqual([]);
  });

  it('that has not begun to listen for signals leaves nothing either', async () => {
    const files = { 'server.mjs': `#!/usr/bin/env node\n${await readFile(SILENT, 'utf8')}` };
    registry.publish('mcp-silent', '1.0.0', { manifest: { bin: 'server.mjs' }, files });
    const child = run([CLI, 'inspect', 'npm:mcp-silent', '--start', '--unsafe']);
    await until(async () => (await processesHere()).length > 0);
    child.kill('SIGTERM');
    expect(await ended(child)).toEqual([null, 'SIGTERM']);
    await nothingIsLeft();
  });
});

describe('a bridge', () => {
  it.each(['SIGTERM', 'SIGHUP'] as const)('that is told %s ends what its sessions use', async (signal) => {
    const server = join(folder, 'server.mjs');
    await writeFile(server, await stubbornServer());
    const bridge = ['bridge', '--port', '0', '--era', 'legacy', '--', process.execPath, server];
    const url = await start(launched(CLI, ...bridge), /http:\S+/);
    const client = await connectSdk('v1 streamable-http', url.replace(/\/mcp$/, ''));
    expect(await processesHere()).not.toEqual([]);
    process.kill(-(program?.pid ?? 0), signal);
    expect(await ended(program)).toEqual([0, null]);
    expect(await processesHere()).toEqual([]);
    await client.close().catch(() => undefined);
  });

  it('that is told while it tries its program out leaves nothing', async () => {
    const child = run([CLI, 'bridge', '--port', '0', '--', process.execPath, SILENT]);
    await until(async () => (await processesHere()).length > 0);
    child.kill('SIGTERM');
    expect(await ended(child)).toEqual([null, 'SIGTERM']);
    await nothingIsLeft();
  });
});

it('an installer ends with the program that started it', async () => {
  const installer = { file: 'sleep', args: ['600'], env: { PATH: process.env.PATH }, cwd: folder };
  const text = `const { runProgram } = await import(${JSON.stringify(RUN_PROGRAM)});
    await runProgram({ ...${JSON.stringify(installer)}, started: (pid) => console.log('installer ' + pid) });`;
  const pid = Number((await start(['--input-type=module', '-e', text], /installer \d+/)).split(' ')[1]);
  const began = table.started(pid);
  expect(began).toBeDefined();
  program?.kill('SIGTERM');
  expect(await ended(program)).toEqual([null, 'SIGTERM']);
  await until(async () => table.started(pid) !== began);
});

describe('a second Ctrl-C', () => {
  function told(isTTY: boolean) {
    const clock = new ManualClock();
    const program = Object.assign(new EventEmitter(), { exit: vi.fn(), stdin: { isTTY } });
    const stop = vi.fn();
    const cancel = onStopSignal(['SIGINT', 'SIGTERM'], stop, { program, clock });
    const tell = (signal: NodeJS.Signals, after: number): void => {
      clock.advance(after);
      program.emit(signal, signal);
    };
    return { program, stop, cancel, tell };
  }

  it('ends the program at once at a terminal', () => {
    const { program, stop, tell } = told(true);
    tell('SIGINT', 0);
    tell('SIGINT', 20); // the same press, by way of npm
    tell('SIGTERM', 5_000);
    expect(program.exit).not.toHaveBeenCalled();
    tell('SIGINT', 1_000);
    expect(program.exit).toHaveBeenCalledWith(130);
    expect(stop).toHaveBeenCalledOnce();
  });

  it('changes nothing where nobody sits at a terminal', () => {
    const { program, stop, tell } = told(false);
    tell('SIGINT', 0);
    tell('SIGINT', 5_000);
    expect(program.exit).not.toHaveBeenCalled();
    expect(stop).toHaveBeenCalledOnce();
  });

  it('finds a listener even when its command has cancelled it, but nobody listens where none came', () => {
    const early = told(true);
    early.tell('SIGINT', 0);
    early.cancel();
    expect(early.program.listenerCount('SIGINT')).toBe(1);
    const never = told(true);
    never.cancel();
    expect(never.program.eventNames()).toEqual([]);
  });
});
