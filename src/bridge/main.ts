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
import type { Settings } from '../settings/schema.ts';
import type { Era } from '../supervisor/handshake-report.ts';
import { createProcessTable } from '../supervisor/process-table.ts';
import type { Isolation, ServerDefinition } from '../supervisor/server-definition.ts';
import { BRIDGE_PATHS, type BridgePaths } from '../transports/context.ts';

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
  /** Where the endpoints are, instead of the usual paths. */
  readonly paths?: BridgePaths;
  /** Instead of the settings. */
  readonly publicUrl?: string;
  readonly allowedOrigins?: readonly string[];
  readonly limits?: Partial<Settings['limits']>;
  /** Paths that say that the bridge is there, and what they say. */
  readonly healthPaths?: Readonly<Record<string, string>>;
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
  const settings = settingsOf(options);
  const folder = mkdtempSync(join(tmpdir(), 'berth-bridge-'));
  const started = createProcessTable().started(process.pid) ?? '0';
  const host = createLocalHost({
    owner: { folder: randomBytes(8).toString('hex'), pid: process.pid, started },
  });
  const link = createInProcessLink(host.supervisor);
  const keys = new KeyStore({ dataDir: folder, configured: settings.keys });
  const given = define(options, settings.limits);
  const tried = options.era ? { eras: [options.era] } : await tryOut(host, given);
  const definition = tried.eras.length > 0 ? { ...given, eras: tried.eras } : given;
  const front = createGateway({
    settings,
    keys,
    sealer: createSealer({ keys: [createSealKey()], lasting: false }),
    directory: { find: (name) => (name === NAME ? { ...definition, state: 'running' } : undefined) },
    router: {
      route: () => ({ replica: REPLICA, link }),
      replica: (_server, replica) => (replica === REPLICA ? link : undefined),
    },
    control: createControlListener({
      app: { fetch: (request) => answer(request, options) },
      guard: createGuard(settings, keys),
      ready: () => true,
    }),
    bridge: NAME,
    ...(options.paths && { bridgePaths: options.paths }),
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

function settingsOf({ host, publicUrl, allowedOrigins, limits }: BridgeOptions): Settings {
  const settings = loadSettings({ env: process.env });
  return {
    ...settings,
    host,
    ...(publicUrl !== undefined && { publicUrl }),
    allowedOrigins: [...settings.allowedOrigins, ...(allowedOrigins ?? [])],
    limits: { ...settings.limits, ...limits },
  };
}

/** Everything that is no endpoint. */
function answer(request: Request, { healthPaths = {}, paths = BRIDGE_PATHS }: BridgeOptions): Response {
  const path = new URL(request.url).pathname;
  const healthy = Object.hasOwn(healthPaths, path) ? healthPaths[path] : undefined;
  if (healthy !== undefined) return new Response(healthy, { headers: { 'Cache-Control': 'no-store' } });
  return new Response(`a bridge has ${Object.values(paths).join(', ')}\n`, { status: 404 });
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
