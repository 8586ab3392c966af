/** What the README promises: a gateway in one terminal, `berth run` in another, a URL that a client uses, and all of it again after a restart. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { session, TRANSPORTS } from '../support/transports.ts';

const INSTALL_MS = 300_000;
const PACKAGE = '@modelcontextprotocol/server-everything';

const program = (name: string) => fileURLToPath(new URL(`../../src/${name}`, import.meta.url));

let folder: string;
let gateway: ChildProcess | undefined;
let url: string;

const environment = () => ({
  ...process.env,
  BERTH_DATA_DIR: folder,
  BERTH_PORT: '0',
  BERTH_HOST: '127.0.0.1',
  BERTH_URL: url,
});

async function startGateway(): Promise<void> {
  const child = spawn(process.execPath, [program('main.ts')], {
    env: environment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  gateway = child;
  let text = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) {
    text += String(chunk);
    if (text.includes('\n')) break;
  }
  url = /^Berth listens on (\S+)/.exec(text)?.[1] ?? '';
}

async function stopGateway(): Promise<unknown> {
  const child = gateway;
  gateway = undefined;
  if (!child || child.exitCode !== null) return child?.exitCode;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  return (await ended)[0];
}

async function berth(...args: string[]): Promise<string> {
  const run = promisify(execFile)(process.execPath, [program('cli/main.ts'), ...args], {
    env: environment(),
  });
  return (await run).stdout;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-first-'));
  url = '';
  await startGateway();
});
afterAll(async () => {
  await stopGateway();
  await rm(folder, { recursive: true, force: true });
});

it(
  'a package name becomes three URLs, which are back after a restart',
  async () => {
    const base = () => `${url}/servers/everything`;
    expect((await fetch(`${url}/livez`)).status).toBe(200);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    const out = await berth('run', PACKAGE);
    expect(out).toMatch(/^everything is running, \d+ tools, speaks legacy\n/);
    for (const path of [`${base()}/mcp`, `${base()}/sse`, `${base().replace('http', 'ws')}/ws`])
      expect(out).toContain(`  ${path} `);
    for (const transport of TRANSPORTS) {
      const client = await session(transport, base());
      expect(await client.toolText('echo', { message: 'hello' })).toContain('hello');
      await client.close();
    }
    expect(await stopGateway()).toBe(0);
    await startGateway();
    expect(await berth('ls')).toMatch(/^everything +(starting|running) .*server-everything \d/m);
    expect(await berth('run', PACKAGE)).toContain(`  ${base()}/mcp `);
    const client = await session('streamable-http', base());
    expect(await client.toolText('echo', { message: 'again' })).toContain('again');
    await client.close();
    await berth('rm', 'everything');
    expect(await berth('ls')).not.toContain('everything');
  },
  INSTALL_MS,
);

it(
  'the example of a program of your own does what it says, to the end',
  async () => {
    const example = fileURLToPath(new URL('../../examples/api/life-of-a-server.mjs', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [example], {
      env: { ...environment(), BERTH_KEY: '' },
    });
    const told = Object.fromEntries(
      stdout
        .trim()
        .split('\n')
        .map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]),
    );
    expect(told).toMatchObject({
      started: 'running (Ready)',
      running: 'example-life, 1 in all',
      'streamable-http': `${url}/servers/example-life/mcp`,
      tools: expect.stringContaining('echo'),
      'once more': 'running (Ready)',
      restarted: 'running (Ready)',
      'scaled to 0': '0 wanted',
      'scaled to 1': 'running (Ready)',
      stopped: '0 wanted',
      'started again': 'running (Ready)',
      'a server that is not there': expect.stringMatching(/^404 not-found: .* — ./),
      'a field that is none': expect.stringMatching(/^400 bad-input: .*command.* — ./),
      'another server of that name': expect.stringMatching(/^409 conflict: .* — ./),
      'too many replicas': expect.stringMatching(/^400 bad-input: .* — ./),
      removed: 'example-life',
    });
    expect(await berth('ls')).not.toContain('example-life');
  },
  INSTALL_MS,
);
