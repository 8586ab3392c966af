/** The bridge: one local program, given by the person at the keyboard, served at `/mcp`, `/sse` + `/message` and `/ws`. */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createControlListener } from '../api/control-listener.ts';
import { createGuard } from '../auth/guard.ts';
import { createSealKey } from '../auth/key-ring.ts';
import { KeyStore } from '../auth/keys.ts';
import { createSealer } from '../auth/seal.ts';
import { type BerthError, toBerthError } from '../errors.ts';
import { createGateway } from '../gateway.ts';
import { createInProcessLink } from '../link/in-process.ts';
import { createLocalHost, type LocalHost } from '../runtimes/local-host.ts';
import { loadSettings } from '../settings/load.ts';
import type { Era } from '../supervisor/handshake-report.ts';
import { createProcessTable } from '../supervisor/process-table.ts';
import type { Isolation, ServerDefinition } from '../supervisor/server-definition.ts';

const NAME = 'bridge';
const REPLICA = 'local';
/** Milliseconds that the program may take to show what it speaks, before it is taken for a legacy one. */
const TRY_OUT = 10_000;

export interface BridgeOptions {
  readonly command: readonly [string, ...string[]];
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly isolation: Isolation;
  /** Warm spare processes. */
  readonly spares: number;
  /** What the program is spoken to as; without it, it is tried out once. */
  readonly era?: Era;
}

export interface Bridge {
  readonly url: string;
  /** What the program showed to speak; empty when it showed nothing (see {@link Bridge.problem}). */
  readonly eras: readonly Era[];
  /** Why the program could not be tried out; clients get the same when they call. */
  readonly problem?: BerthError;
  /** Ends sessions and processes; idempotent. */
  close(): Promise<void>;
}

/** Starts the bridge; the program itself is started with each session, in the caller's folder and environment. */
export async function runBridge(options: BridgeOptions): Promise<Bridge> {
  const settings = { ...loadSettings({ env: process.env }), host: options.host };
  const folder = mkdtempSync(join(tmpdir(), 'berth-bridge-'));
  const started = createProcessTable().started(process.pid) ?? '0';
  const host = createLocalHost({
    owner: { folder: randomBytes(8).toString('hex'), pid: process.pid, started },
  });
  process.once('exit', host.killNow);
  const link = createInProcessLink(host.supervisor);
  const keys = new KeyStore({ dataDir: folder, configured: settings.keys });
  const given = define(options, settings.limits);
  const tried = options.era ? { eras: [options.era] } : await tryOut(host, given);
  const definition = tried.eras.length > 0 ? { ...given, eras: tried.eras } : given;
  const front = createGateway({
    settings,
    keys,
    sealer: createSealer({ keys: [createSealKey()] }),
    directory: { find: (name) => (name === NAME ? { ...definition, state: 'running' } : undefined) },
    router: {
      route: () => ({ replica: REPLICA, link }),
      replica: (_server, replica) => (replica === REPLICA ? link : undefined),
    },
    control: createControlListener({
      app: { fetch: () => new Response('a bridge has /mcp, /sse and /ws\n', { status: 404 }) },
      guard: createGuard(settings, keys),
      ready: () => true,
    }),
    bridge: NAME,
  });
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await front.close();
    await host.close();
    keys.close();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    host.define(definition);
    const { port, address } = await front.listen(options.port, options.host);
    const url = settings.publicUrl ?? `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
    return { url, ...tried, close: () => (closing ??= close()) };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Starts the program once for each era. One that cannot be started is served all the same: it may be able to later. */
async function tryOut(
  host: LocalHost,
  definition: ServerDefinition,
): Promise<{ readonly eras: readonly Era[]; readonly problem?: BerthError }> {
  try {
    const limits = { ...definition.limits, startTimeout: TRY_OUT };
    return { eras: (await host.probe({ ...definition, limits })).eras ?? [] };
  } catch (error) {
    return { eras: [], problem: toBerthError(error) };
  }
}

function define(options: BridgeOptions, limits: ServerDefinition['limits']): ServerDefinition {
  const [file, ...args] = options.command;
  return {
    id: randomUUID(),
    name: NAME,
    launch: { file, args, env: inherited(), cwd: process.cwd() },
    isolation: options.isolation,
    sessions: 'minted',
    limits: { ...limits, spares: options.spares, sessionsPerPrincipal: limits.sessions },
    secrets: [],
  };
}

/** The program is the caller's own, so it gets the caller's environment. */
function inherited(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
