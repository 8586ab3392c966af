/** The gateway's composition root: settings in, parts wired, started in order, stopped in reverse. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createApi } from './api/app.ts';
import { createControlListener } from './api/control-listener.ts';
import { addHomePage } from './api/home-page.ts';
import { createGuard } from './auth/guard.ts';
import { openKeyRing } from './auth/key-ring.ts';
import { KeyStore } from './auth/keys.ts';
import { createSealer } from './auth/seal.ts';
import { systemClock } from './clock.ts';
import { toBerthError } from './errors.ts';
import { createGateway } from './gateway.ts';
import { createInProcessLink } from './link/in-process.ts';
import { createLog, type Log } from './log/log.ts';
import type { Packages } from './packages/package.ts';
import { createPackages } from './packages/packages.ts';
import { createLocalHost } from './runtimes/local-host.ts';
import { createRemotePolicy } from './servers/remote-policy.ts';
import { ServerManager } from './servers/server-manager.ts';
import { UsageRecorder } from './servers/usage-recorder.ts';
import { parseFlags } from './settings/flags.ts';
import { loadSettings } from './settings/load.ts';
import type { Settings } from './settings/schema.ts';
import { SqliteServerStore } from './store/server-store.ts';
import { lockDataFolder } from './supervisor/data-folder.ts';
import { createProcessTable } from './supervisor/process-table.ts';
import { sweepOrphans } from './supervisor/sweep.ts';
import { loadCatalogue } from './templates/catalogue.ts';

const LOCAL_REPLICA = 'local';
const TEMPLATES = fileURLToPath(new URL('../registry-templates', import.meta.url));
/** Milliseconds between looks at installed packages that nobody uses any more. */
const COLLECT_EVERY = 6 * 60 * 60_000;

type Undo = (step: () => Promise<void> | void) => void;

export interface Gateway {
  /** What clients and browsers are told. */
  readonly url: string;
  /** Milliseconds after a stop signal in which {@link close} must have come to its end. */
  readonly stopTimeout: number;
  /** Ends sessions, processes and the server; idempotent. */
  close(): Promise<void>;
}

/** Starts a gateway with the settings of flags, environment and file. Rejects with what is wrong, everything begun undone. */
export async function runGateway(flags: readonly string[] = []): Promise<Gateway> {
  const steps: (() => Promise<void> | void)[] = [];
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= (async () => {
      for (const step of steps.reverse()) await step();
    })();
    return closing;
  };
  try {
    return { ...(await start(flags, (step) => steps.push(step))), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The keys of this machine's gateway, for `berth key`. */
export function openKeyStore(): Promise<KeyStore> {
  const settings = loadSettings({ env: process.env });
  mkdirSync(settings.dataDir, { recursive: true, mode: 0o700 });
  return Promise.resolve(new KeyStore({ dataDir: settings.dataDir, configured: settings.keys }));
}

async function start(flags: readonly string[], undo: Undo): Promise<Omit<Gateway, 'close'>> {
  const notices: string[] = [];
  const settings = loadSettings({
    flags: parseFlags(flags),
    env: process.env,
    onNotice: (text) => notices.push(text),
  });
  const log = createLog({ level: settings.logLevel, format: settings.logFormat });
  for (const notice of notices) log.warn(notice);
  const host = await openHost(settings, log, undo);
  const store = new SqliteServerStore(join(settings.dataDir, 'berth.sqlite'));
  undo(() => store.close());
  const usage = new UsageRecorder({
    host,
    store: store.usage,
    clock: systemClock,
    keepDays: settings.usage.keepDays,
    onError: (error) => log.error({ error }, 'the use of servers could not be recorded'),
  });
  undo(() => usage.close());
  const templates = await loadCatalogue(TEMPLATES);
  for (const problem of templates.problems) log.error({ problem }, 'a template was left out');
  const packages = createPackages({ dataDir: settings.dataDir });
  let url = '';
  const manager = new ServerManager({
    packages,
    host,
    store,
    templates,
    usage,
    publicUrl: () => url,
    homes: join(settings.dataDir, 'homes'),
    allow: settings.allow,
    remote: createRemotePolicy(settings.remote.allowedHosts),
    limits: settings.limits,
    maxServers: settings.limits.servers,
    parallelStarts: settings.limits.parallelStarts,
    health: settings.health,
    onDegraded: ({ name }, failure) =>
      log.warn({ server: name, code: failure.code }, `health checks fail: ${failure.message}`),
  });
  undo(() => manager.close());
  const keys = new KeyStore({ dataDir: settings.dataDir, configured: settings.keys });
  keys.watch((error: unknown) => log.error({ error }, 'the key file cannot be read'));
  undo(() => keys.close());

  const link = createInProcessLink(host.supervisor);
  const ending = new AbortController();
  const app = createApi({
    manager,
    templates,
    signal: ending.signal,
    report: (error, requestId) => log.error({ requestId, error, cause: error.cause }, error.message),
  });
  addHomePage(app, manager);
  const front = createGateway({
    settings,
    keys,
    sealer: createSealer({ keys: openKeyRing(settings.dataDir).keys }),
    directory: manager,
    router: {
      route: () => ({ replica: LOCAL_REPLICA, link }),
      replica: (_server, replica) => (replica === LOCAL_REPLICA ? link : undefined),
    },
    control: createControlListener({
      app,
      guard: createGuard(settings, keys),
      ready: () => url !== '' && !ending.signal.aborted,
    }),
    onError: (error) => {
      if (error.code === 'internal') log.error({ error, cause: error.cause }, 'a request failed');
    },
  });
  undo(async () => {
    ending.abort();
    await front.close();
  });
  const { port, address } = await front.listen(settings.port, settings.host);
  url = settings.publicUrl ?? `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
  await manager.restore();
  undo(collectTrees(packages, manager, { settings, log }));
  log.debug({ url }, 'the gateway serves');
  return { url, stopTimeout: settings.limits.stopTimeout };
}

/** Locks the data folder, ends what a killed gateway left behind, and opens the place where processes run. */
async function openHost(
  settings: Settings,
  log: Log,
  undo: Undo,
): Promise<ReturnType<typeof createLocalHost>> {
  const table = createProcessTable();
  const lock = await lockDataFolder(settings.dataDir, table);
  undo(() => lock.close());
  const swept = await sweepOrphans(lock.owner.folder, {
    table,
    clock: systemClock,
    termMs: settings.limits.termGrace,
  });
  if (swept.length > 0)
    log.warn({ processes: swept.length }, 'ended processes that a killed gateway had left');
  const remote = createRemotePolicy(settings.remote.allowedHosts);
  const host = createLocalHost({ owner: lock.owner, table, remote });
  process.once('exit', host.killNow);
  undo(async () => {
    await host.close();
    process.off('exit', host.killNow);
  });
  return host;
}

/** Removes packages that no server names, now and then; returns how to stop it. */
function collectTrees(
  packages: Packages,
  manager: ServerManager,
  { settings, log }: { settings: Settings; log: Log },
): () => void {
  const collect = (): void => {
    packages.collect({ keep: manager.treeKeys(), ...settings.trees }).then(
      ({ removed, bytes }) =>
        removed.length > 0 && log.info({ removed: removed.length, bytes }, 'removed unused packages'),
      (error: unknown) => log.error({ error }, 'unused packages could not be removed'),
    );
  };
  collect();
  return systemClock.every(COLLECT_EVERY, collect);
}

/** `npm start`: the gateway in the foreground, until a signal ends it. */
async function main(): Promise<void> {
  const gateway = await runGateway(process.argv.slice(2));
  console.log(`Berth listens on ${gateway.url}`);
  console.log('Next, in another terminal: npm run berth -- run everything');
  const stop = (): void => {
    setTimeout(() => process.exit(1), gateway.stopTimeout).unref();
    gateway.close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, stop);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  main().catch((thrown: unknown) => {
    const error = toBerthError(thrown);
    console.error(`Berth did not start: ${error.message}`);
    if (error.cause instanceof Error && error.code === 'internal') console.error(error.cause.stack);
    for (const field of error.details.fields ?? []) console.error(`  ${field.pointer}: ${field.detail}`);
    console.error(`  hint: ${error.hint}`);
    process.exitCode = 1;
  });
}
