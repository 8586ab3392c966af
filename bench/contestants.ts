/** The four programs that are compared, and how to start each in front of a stdio server. */
import { type ChildProcess, spawn } from 'node:child_process';
import { connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { BERTH_ENV, berthArgs, berthProgram } from './berth.ts';
import type { Target, Transport } from './clients/session.ts';
import type { Era } from './lanes.ts';

export type ContestantName = 'bare' | 'berth' | 'supergateway' | 'mcp-proxy';

export const CONTESTANTS: readonly ContestantName[] = ['bare', 'berth', 'supergateway', 'mcp-proxy'];

export const PEERS: readonly string[] = ['supergateway', 'mcp-proxy'] satisfies ContestantName[];

const START_MS = 20_000;
const STOP_MS = 8_000;
const BARE = fileURLToPath(new URL('bare-pipe.ts', import.meta.url));
const SUPERGATEWAY = fileURLToPath(new URL('../node_modules/supergateway/dist/index.js', import.meta.url));
const MCP_PROXY = fileURLToPath(new URL('../node_modules/mcp-proxy/dist/bin/mcp-proxy.mjs', import.meta.url));

/** The server behind every contestant of a throughput cell. */
export const ECHO_COMMAND: readonly string[] = [
  process.execPath,
  fileURLToPath(new URL('echo-server.mjs', import.meta.url)),
];

/** A server process as small as `cat` that can do nothing but answer `initialize`. */
export const IDLE_COMMAND: readonly string[] = [
  'sed',
  '-u',
  '-n',
  '-f',
  fileURLToPath(new URL('idle-server.sed', import.meta.url)),
];

/** The same of the modern era: it can do nothing but answer `server/discover`. */
export const IDLE_MODERN_COMMAND: readonly string[] = [
  ...IDLE_COMMAND.slice(0, -1),
  fileURLToPath(new URL('idle-server-modern.sed', import.meta.url)),
];

/** Why a contestant cannot take part with this transport; undefined when it can. */
export function unavailable(name: ContestantName, transport: Transport): string | undefined {
  if (name === 'berth' && berthProgram() === undefined) return 'not built';
  if (name === 'mcp-proxy' && transport === 'ws') return 'no WebSocket';
  return undefined;
}

interface StartOptions {
  readonly transport: Transport;
  readonly command: readonly string[];
  /** Warm spares (Berth only). */
  readonly spares?: number;
  /** What the server speaks (mcp-proxy must be told); legacy by default. */
  readonly server?: Era;
}

function shellWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function supergatewayArgs(port: number, { transport, command }: StartOptions): string[] {
  const output = { http: ['streamableHttp', '--stateful'], sse: ['sse'], ws: ['ws'] }[transport];
  const stdio = command.map(shellWord).join(' ');
  return [
    SUPERGATEWAY,
    '--stdio',
    stdio,
    '--port',
    String(port),
    '--logLevel',
    'none',
    '--outputTransport',
    ...output,
  ];
}

function programArgs(name: ContestantName, port: number, options: StartOptions): string[] {
  switch (name) {
    case 'bare':
      return [BARE, '--port', String(port), '--', ...options.command];
    case 'berth':
      return berthArgs(port, options.command, options.spares ?? 0);
    case 'supergateway':
      return supergatewayArgs(port, options);
    case 'mcp-proxy':
      return [
        MCP_PROXY,
        '--port',
        String(port),
        '--host',
        '127.0.0.1',
        ...(options.server === 'modern' ? ['--upstreamProtocol', 'modern'] : []),
        '--',
        ...options.command,
      ];
  }
}

function path(name: ContestantName, transport: Transport): string {
  if (transport === 'ws') return name === 'supergateway' ? '/message' : '/ws';
  return transport === 'sse' ? '/sse' : '/mcp';
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** A running contestant. */
export class Contestant {
  readonly name: ContestantName;
  readonly target: Target;
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;

  constructor(name: ContestantName, child: ChildProcess, target: Target) {
    this.name = name;
    this.target = target;
    this.pid = child.pid ?? 0;
    this.#child = child;
    this.#exited = new Promise((resolve) => child.once('exit', () => resolve()));
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Asks it to end, then ends it and its process group. Idempotent. */
  async close(): Promise<void> {
    if (this.alive) this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#kill(), STOP_MS);
    await this.#exited;
    clearTimeout(timer);
    this.#kill();
  }

  #kill(): void {
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      // The whole group has gone already.
    }
  }
}

/** Starts a contestant on a free port; rejects when it does not listen in time. */
export async function startContestant(name: ContestantName, options: StartOptions): Promise<Contestant> {
  const port = await freePort();
  const args = programArgs(name, port, options);
  const stdio: ['ignore', 'ignore', 'pipe'] = ['ignore', 'ignore', 'pipe'];
  const child = spawn(process.execPath, args, {
    stdio,
    detached: true,
    env: { ...process.env, ...BERTH_ENV },
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-1000);
  });
  const contestant = new Contestant(name, child, { port, path: path(name, options.transport) });
  const deadline = performance.now() + START_MS;
  while (performance.now() < deadline && contestant.alive) {
    if (await accepts(port)) return contestant;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await contestant.close();
  throw new Error(`${name} did not start: ${stderr.trim()}`);
}
