/** `berth up --detach`, `berth down` and `berth doctor` as programs, with a gateway that lives on its own. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createProcessTable } from '../../src/supervisor/process-table.ts';
import { CODE_CACHE } from '../support/code-cache.ts';
import { StandInRegistry } from '../support/stand-in-registry.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const SERVER = fileURLToPath(new URL('../fixtures/processes/mcp-server.mjs', import.meta.url));
const LOOKS = 1_200;
const table = createProcessTable();

let folder: string;
let data: string;
let registry: StandInRegistry;
beforeEach(async () => {
  registry = await new StandInRegistry().start();
  folder = await mkdtemp(join(tmpdir(), 'berth-up-'));
  data = join(folder, 'data');
});
afterEach(async () => {
  await berth('down', '--force');
  await registry.close();
  await rm(folder, { recursive: true, force: true });
});

function environment(): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    HOME: folder,
    BERTH_DATA_DIR: data,
    BERTH_PORT: '0',
    NPM_CONFIG_REGISTRY: registry.url,
    ...CODE_CACHE,
  };
}

interface Run {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function berth(...args: string[]): Promise<Run> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, ...args], { env: environment() }, (_error, out, err) =>
      resolve({ code: child.exitCode, out, err }),
    );
  });
}

async function up(...args: string[]): Promise<{ url: string; pid: number; logFile: string }> {
  const { code, out, err } = await berth('up', '--detach', '-o', 'json', ...args);
  expect([code, err]).toEqual([0, '']);
  return JSON.parse(out);
}

async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  for (let look = 0; look < LOOKS; look++, await sleep(50)) if (await what()) return;
  throw new Error('it did not come to that');
}

const lives = (pid: number): boolean => table.started(pid) !== undefined;

async function doctor() {
  const { code, out } = await berth('doctor', '-o', 'json');
  const { findings } = JSON.parse(out) as { findings: { check: string; state: string; message: string }[] };
  return { code, finding: findings.find(({ check }) => check === 'gateway of this machine') };
}

it('a gateway goes on in the background, is found, refuses a second one, and ends', async () => {
  const first = await up();
  expect((await fetch(`${first.url}/livez`)).status).toBe(200);
  expect((await stat(first.logFile)).mode & 0o777).toBe(0o600);

  expect(await doctor()).toMatchObject({
    code: 0,
    finding: { state: 'ok', message: expect.stringContaining(`(pid ${first.pid}) at ${first.url} since`) },
  });
  const second = await berth('up', '--detach');
  expect(second).toMatchObject({ code: 1, out: '' });
  expect(second.err).toBe(
    `✗ a gateway (pid ${first.pid}) runs already: ${first.url}\n  hint    Use it, or end it with: berth down.\n`,
  );
  expect((await berth('up')).err).toContain(`another gateway (pid ${first.pid}) uses this data folder`);
  expect((await fetch(`${first.url}/livez`)).status).toBe(200);

  expect(await berth('down')).toEqual({
    code: 0,
    out: `The gateway (pid ${first.pid}) has ended.\n`,
    err: '',
  });
  expect(lives(first.pid)).toBe(false);
  expect(await berth('down')).toMatchObject({ code: 0, out: 'No gateway runs here.\n' });
  expect((await doctor()).finding).toMatchObject({
    state: 'ok',
    message: expect.stringContaining('none runs'),
  });
});

it('it survives the end of its terminal and of whoever started it', async () => {
  // A session of its own with a shell that is hung up, as a terminal does it when it is closed.
  const shell = spawn('sh', ['-c', `"${process.execPath}" "${MAIN}" up -d -o json; kill -HUP 0; sleep 30`], {
    env: environment(),
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(shell, 'exit');
  let text = '';
  for await (const chunk of shell.stdout.setEncoding('utf8')) text += String(chunk);
  const { pid, url } = JSON.parse(text) as { pid: number; url: string };
  expect((await ended)[1]).toBe('SIGHUP');
  process.kill(pid, 'SIGHUP');
  expect((await fetch(`${url}/livez`)).status).toBe(200);
  expect((await berth('down')).code).toBe(0);
});

it('servers that ran are started again, also after a crash, and none is left behind', async () => {
  registry.publish('mcp-echo', '1.0.0', {
    manifest: { bin: 'server.mjs' },
    // It does not end with its input, as a well-behaved one would.
    files: {
      'server.mjs': `#!/usr/bin/env node\n${await readFile(SERVER, 'utf8')}\nsetInterval(() => {}, 1e6);\n`,
    },
  });
  const first = await up();
  expect(
    await berth('run', 'npm:mcp-echo', '--name', 'echo', '--isolation', 'shared', '--url', first.url),
  ).toMatchObject({
    code: 0,
  });
  await call(first.url);
  const before = await processesOf(first.pid);
  expect(before.length).toBeGreaterThan(0);

  process.kill(first.pid, 'SIGKILL');
  await until(() => !lives(first.pid));
  expect((await doctor()).finding).toMatchObject({ state: 'warning' });
  const second = await up();
  await until(async () => (await stateOf(second.url)) === 'running');
  await call(second.url);
  expect((await table.scan()).filter(({ pid }) => before.includes(pid))).toEqual([]);

  const after = await processesOf(second.pid);
  expect(after.length).toBeGreaterThan(0);
  process.kill(second.pid, 'SIGSTOP');
  expect((await berth('down', '--force')).out).toContain('was killed');
  expect((await table.scan()).filter(({ pid }) => after.includes(pid))).toEqual([]);
}, 120_000);

async function call(url: string): Promise<void> {
  expect(await berth('tools', 'echo', '--url', url)).toMatchObject({ code: 0 });
}

async function stateOf(url: string): Promise<string> {
  const { out } = await berth('get', 'echo', '--url', url, '-o', 'json');
  return (JSON.parse(out) as { status: { state: string } }).status.state;
}

/** By the mark that they carry. */
async function processesOf(gateway: number): Promise<number[]> {
  const marked = (await table.scan()).filter(({ mark }) => mark?.split(':')[1] === String(gateway));
  return marked.map(({ pid }) => pid);
}

it('a lock whose number belongs to another process by now is noticed', async () => {
  await mkdir(data, { recursive: true });
  const other: ChildProcess = spawn('sleep', ['60']);
  try {
    const lock = { pid: other.pid, started: '1', boot: (await bootId()).trim(), nonce: 'x' };
    await writeFile(join(data, 'gateway.lock'), JSON.stringify(lock));
    expect((await doctor()).finding).toMatchObject({ state: 'warning' });
    expect((await berth('down')).out).toContain('was dead already');
    expect(lives(other.pid ?? 0)).toBe(true);
    await up();
  } finally {
    other.kill();
  }
});

it('what it fails with is told where it was started', async () => {
  const { code, err } = await berth('up', '--detach', '--host', '0.0.0.0');
  expect(code).toBe(1);
  expect(err).toMatch(/^✗ .*key.*\n {2}hint/s);
  expect((await berth('up', '-d', '--prot', '1')).err).toContain('--prot');
});

async function bootId(): Promise<string> {
  return await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
}
