/**
 * A newcomer's path, in a fresh home and in terminals: a server from nothing, found, connected to a client, called, looked into
 * and stopped, with nothing left behind.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { afterEach, beforeEach, expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const WITHIN = { timeout: 240_000, interval: 100 };
const CTRL_C = '\x03';

let home: string;
let port: number;
let commands: number;
const terminals: Terminal[] = [];

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'berth-newcomer-'));
  port = await freePort();
  commands = 0;
});
afterEach(async () => {
  for (const terminal of terminals.splice(0)) await terminal.close();
  rmSync(home, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return address.port;
}

/** Nothing of the person who runs the test, but where packages come from. */
function environment(): Record<string, string> {
  const { PATH = '', NPM_CONFIG_USERCONFIG = join(homedir(), '.npmrc') } = process.env;
  const registry = Object.entries(process.env).filter(
    ([name]) =>
      name === 'NPM_CONFIG_REGISTRY' ||
      name === 'NODE_EXTRA_CA_CERTS' ||
      /^https?_proxy$|^no_proxy$/i.test(name),
  );
  return {
    ...(Object.fromEntries(registry) as Record<string, string>),
    ...(existsSync(NPM_CONFIG_USERCONFIG) && { NPM_CONFIG_USERCONFIG }),
    ...{ PATH, HOME: home, TERM: 'xterm', LANG: 'C.UTF-8' },
    ...{ BERTH_PORT: String(port), BERTH_URL: `http://127.0.0.1:${port}` },
  };
}

/** A command in a pseudo-terminal: what it shows, and a keyboard. */
class Terminal {
  readonly #child: ChildProcess;
  readonly #exit: Promise<number | null>;
  shown = '';

  constructor(...args: readonly string[]) {
    commands++;
    const line = [process.execPath, MAIN, ...args].map((word) => `'${word}'`).join(' ');
    this.#child = spawn(
      'script',
      ['--quiet', '--return', '--flush', '--command', `exec ${line}`, '/dev/null'],
      {
        cwd: home,
        env: environment(),
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    );
    this.#exit = once(this.#child, 'exit').then(([code]) => code as number | null);
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.shown += text;
    });
    terminals.push(this);
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  async shows(text: string | RegExp): Promise<void> {
    await expect.poll(() => this.shown, WITHIN).toMatch(text);
  }

  /** Its exit code. */
  ends(): Promise<number | null> {
    return this.#exit;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode === null) this.type(CTRL_C);
    await this.#exit;
  }
}

async function berth(...args: readonly string[]): Promise<string> {
  const terminal = new Terminal(...args);
  expect(await terminal.ends(), terminal.shown).toBe(0);
  return terminal.shown;
}

async function echoed(transport: Transport): Promise<unknown> {
  const client = new Client({ name: 'desktop', version: '1' });
  await client.connect(transport);
  const { content } = await client.callTool({ name: 'echo', arguments: { message: 'from the client' } });
  await client.close();
  return content;
}

/** Processes that have this home, other than those that have ended. */
function leftOvers(): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`HOME=${home}`);
    } catch {
      return false;
    }
  });
}

it('from nothing to a used server in eight commands, and back to nothing', { timeout: 480_000 }, async () => {
  const begun = performance.now();
  const told = (what: string): void =>
    console.info(`figure: newcomer, ${what}: ${((performance.now() - begun) / 1_000).toFixed(1)} s`);
  const first = new Terminal('run', 'everything');
  await first.shows('Start one here, until Ctrl-C? [Y/n]');
  first.type('\r');
  await first.shows(/everything is running, \d+ tools, speaks legacy/);
  told('a server at a URL');
  expect(first.shown).toMatch(/resolve ✓.*install ✓.*start ✓/);
  expect(first.shown).toContain(`http://127.0.0.1:${port}/servers/everything/mcp`);
  expect(first.shown).toContain('Next, in another terminal: berth connect claude-code everything');

  expect(await berth('search', 'everything')).toContain('everything');

  await berth('connect', 'claude-code', 'everything', '--write');
  const written = JSON.parse(readFileSync(join(home, '.claude.json'), 'utf8'));
  const { url } = written.mcpServers.everything as { url: string };
  const answer = [{ type: 'text', text: 'Echo: from the client' }];
  expect(await echoed(new StreamableHTTPClientTransport(new URL(url)) as Transport)).toEqual(answer);
  told('called by a client that was connected');

  await berth('connect', 'claude-desktop', 'everything', '--write');
  const desktop = JSON.parse(readFileSync(join(home, '.config/Claude/claude_desktop_config.json'), 'utf8'));
  const { command, args } = desktop.mcpServers.everything as { command: string; args: string[] };
  expect(await echoed(new StdioClientTransport({ command, args, env: environment() }))).toEqual(answer);

  expect(await berth('call', 'everything', 'get-sum', 'a=20', 'b=22')).toContain('42');

  const asking = new Terminal('call', 'everything', 'trigger-elicitation-request');
  await asking.shows('everything asks: ');
  await asking.shows('Answer? [Y]es, [n]o, [c]ancel: ');
  asking.type('n\r');
  expect(await asking.ends()).toBe(0);
  expect(asking.shown).toMatch(/declined/i);

  expect(await berth('logs', 'everything')).toMatch(/\S/);
  expect(await berth('stop', 'everything')).toContain('everything is stopped');
  expect(commands).toBe(8);
  told(`all ${commands} commands`);

  first.type(CTRL_C);
  expect(await first.ends()).toBe(0);
  await expect.poll(leftOvers, WITHIN).toEqual([]);
});
