/** Berth set up in the ways that the idle case measures beside its command line: over a socket, and without processes. */
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DEFAULT_LIMITS, type ServerDefinition } from '../../src/supervisor/server-definition.ts';
import type { GatewayProgram } from '../../test/support/gateway-program.ts';
import type { Target } from '../clients/session.ts';
import { IDLE_COMMAND } from '../contestants.ts';
import type { MemoryGateway } from './memory-gateway.ts';
import { Program } from './program.ts';

const SUPERVISOR = fileURLToPath(new URL('../../src/supervisor/main.ts', import.meta.url));
const SOCKET_GATEWAY = fileURLToPath(new URL('../../test/support/gateway-program.ts', import.meta.url));
const MEMORY_GATEWAY = fileURLToPath(new URL('memory-gateway.ts', import.meta.url));
const SERVER = 'idle';
/** More than any case opens. */
const MOST_SESSIONS = 10_000;

/** Programs that serve one server together. */
export interface Installation {
  readonly target: Target;
  /** The gateway's first. */
  readonly pids: readonly number[];
  close(): Promise<void>;
}

/** A supervisor with small processes and a gateway over its unix socket, each a process of its own. */
export function startOverSocket(): Promise<Installation> {
  return start(async (folder, programs) => {
    const server = definition(folder);
    const socket = join(folder, 'link');
    const config = join(folder, 'supervisor.json');
    writeFileSync(config, JSON.stringify({ dataDir: join(folder, 'data'), servers: [server] }));
    const gateway: GatewayProgram = {
      socket,
      dataDir: folder,
      instance: randomUUID(),
      server: { id: server.id, name: server.name },
      seal: {
        name: randomBytes(4).toString('base64url'),
        secret: randomBytes(32).toString('base64url'),
      },
    };
    programs.unshift(await Program.start(SUPERVISOR, ['--socket', socket, '--config', config]));
    programs.unshift(await Program.start(SOCKET_GATEWAY, [JSON.stringify(gateway)]));
  });
}

/** A gateway with its supervisor in one process, servers on in-memory channels. */
export function startInMemory(): Promise<Installation> {
  return start(async (folder, programs) => {
    const gateway: MemoryGateway = { definition: definition(folder), dataDir: folder };
    programs.unshift(await Program.start(MEMORY_GATEWAY, [JSON.stringify(gateway)]));
  });
}

/** `fill` puts each program in front of those that it needs, so that they are ended in their order. */
async function start(fill: (folder: string, programs: Program[]) => Promise<void>): Promise<Installation> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'berth-bench-')));
  const programs: Program[] = [];
  const close = async (): Promise<void> => {
    for (const program of programs) await program.close();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await fill(folder, programs);
  } catch (error) {
    await close();
    throw error;
  }
  const { port } = (programs[0]?.said ?? { port: 0 }) as { port: number };
  return {
    target: { port, path: `/servers/${SERVER}/mcp` },
    pids: programs.map(({ pid }) => pid),
    close,
  };
}

function definition(folder: string): ServerDefinition {
  const [name = '', ...args] = IDLE_COMMAND;
  return {
    id: randomUUID(),
    name: SERVER,
    launch: { file: found(name), args, env: { PATH: process.env.PATH ?? '', HOME: folder }, cwd: folder },
    isolation: 'session',
    sessions: 'minted',
    limits: { ...DEFAULT_LIMITS, sessions: MOST_SESSIONS, sessionsPerPrincipal: MOST_SESSIONS },
    secrets: [],
  };
}

/** A supervisor takes absolute paths only. */
function found(name: string): string {
  const paths = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, name));
  const path = paths.find((each) => existsSync(each));
  if (path === undefined) throw new Error(`no ${name} on the PATH`);
  return path;
}
