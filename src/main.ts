/** The gateway's composition root: settings in, parts wired, started in order, stopped in reverse. */
import { existsSync, mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createApi } from './api/app.ts';
import { createControlListener } from './api/control-listener.ts';
import { endpointsOf } from './api/endpoints.ts';
import { addHomePage } from './api/home-page.ts';
import { createRequestLog } from './api/request-log.ts';
import { createGuard } from './auth/guard.ts';
import { KeyStore } from './auth/keys.ts';
import { isWildcardHost } from './auth/loopback.ts';
import { createOwnSeal } from './auth/own-seal.ts';
import { createSealer } from './auth/seal.ts';
import { type ServedCertificate, watchServedCertificate } from './auth/served-certificate.ts';
import { systemClock } from './clock.ts';
import { Confirmation } from './control/confirmation.ts';
import { createControlEndpoint } from './control/endpoint.ts';
import { createGroupEndpoint } from './control/group-endpoint.ts';
import { Discovery } from './discovery/discovery.ts';
import { keepMirrors } from './discovery/mirror/renewal.ts';
import { type ErrorCode, toBerthError } from './errors.ts';
import { createGateway } from './gateway.ts';
import { GroupLists } from './groups/group-lists.ts';
import { createLog, type Log } from './log/log.ts';
import { LogBook } from './log/log-book.ts';
import { createMetrics, type Metrics } from './metrics/metrics.ts';
import { openProbePort, type ProbePortOptions } from './metrics/probe-port.ts';
import { createProcessSource } from './metrics/process-metrics.ts';
import { createSearchSource } from './metrics/search-metrics.ts';
import { createTraceSource } from './metrics/trace-metrics.ts';
import { createTrafficSource } from './metrics/traffic-metrics.ts';
import { openPeers, PEERS_PATH } from './peers/network-peers.ts';
import type { RuntimeInput } from './runtimes/local/main.ts';
import type { Runtime } from './runtimes/runtime.ts';
import { ServerCalls } from './servers/server-calls.ts';
import { parseFlags } from './settings/flags.ts';
import { loadSettings } from './settings/load.ts';
import { type OwnAddress, ownAddress } from './settings/own-address.ts';
import type { Settings } from './settings/schema.ts';
import { viewSettings } from './settings/view.ts';
import { onStopSignal } from './stop-signals.ts';
import { loadCatalogue, type TemplateCatalogue } from './templates/catalogue.ts';
import type { Traces } from './traces/traces.ts';
import { BodyBudget } from './transports/body-budget.ts';
import type { HttpFront } from './transports/http-server.ts';
import { LongStreams } from './transports/long-streams.ts';
import { createOwnCalls } from './transports/own-calls.ts';
import { Traffic } from './transports/traffic.ts';
import { type Undo, type UndoStep, undoAll } from './undo.ts';
import { programVersion } from './version.ts';

/** Failures that nobody but the operator can mend. */
const TO_LOG: ReadonlySet<ErrorCode> = new Set(['internal', 'cluster-refused']);
const TEMPLATES = fileURLToPath(new URL('../registry-templates', import.meta.url));
const SERVICE_ACCOUNT_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';

export interface Gateway {
  /** What clients and browsers are told. */
  readonly url: string;
  /** It runs servers as pods. */
  readonly inCluster: boolean;
  /** Milliseconds after a stop signal in which {@link close} must have come to its end. */
  readonly stopTimeout: number;
  /** Ends sessions, processes and the server; idempotent. */
  close(): Promise<void>;
}

/** Starts a gateway with the settings of flags, environment and file. Rejects with what is wrong, everything begun undone. */
export async function runGateway(flags: readonly string[] = []): Promise<Gateway> {
  const steps: UndoStep[] = [];
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= undoAll(steps);
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
  const sources = new Map<string, string>();
  const given = loadSettings({
    flags: parseFlags(flags),
    env: process.env,
    onNotice: (text) => notices.push(text),
    onSource: (key, source) => sources.set(key, source),
  });
  const own = given.publicUrl === undefined && isWildcardHost(given.host) ? await ownAddress() : undefined;
  const settings = own ? servedAt(given, own) : given;
  const logBook = new LogBook();
  const log = createLog({ level: settings.logLevel, format: settings.logFormat, book: logBook });
  for (const notice of [...notices, ...(own?.warning ? [own.warning] : [])]) log.warn(notice);
  const templates = await loadCatalogue(TEMPLATES, { cluster: isInCluster(settings) });
  for (const problem of templates.problems) log.error({ problem }, 'a template was left out');
  let url = '';
  let localUrl = '';
  const sealer = createSealer({ keys: [] });
  const runtime = await openRuntime({
    settings,
    log,
    templates,
    sealer,
    publicUrl: () => url,
    localUrl: () => localUrl,
    undo,
  });
  const keys = new KeyStore({ dataDir: settings.dataDir, configured: settings.keys });
  keys.watch((error: unknown) => log.error({ error }, 'the key file cannot be read'));
  undo(() => keys.close());

  const discovery = openDiscovery(settings, templates);
  undo(() => discovery.close());
  keepRegistryMirrors(settings, { discovery, log, undo });

  const ending = new AbortController();
  const ready = (): boolean => url !== '' && !ending.signal.aborted && runtime.ready();
  const { directory, router } = runtime;
  const traces = await openTraces(settings, { log, undo });
  const traced = traces && { tracer: traces.tracer };
  const inspector = runtime.inspections((resolved, signal) =>
    discovery.package({ ...resolved, refresh: false, signal }),
  );
  const ask = createOwnCalls({ directory, router, sealer, limits: settings.limits, ...traced });
  const calls = new ServerCalls(ask);
  const streams = new LongStreams(systemClock);
  const seal = createOwnSeal(sealer);
  const peers = openPeers(settings, { seal, log });
  const controlParts = {
    servers: runtime.servers,
    calls,
    discovery,
    confirmation: new Confirmation(settings.control.packages, seal),
    inspector,
  };
  const mcp = createControlEndpoint(controlParts, { seal, streams, ...(peers && { peers }) });
  undo(() => mcp.close());
  const { groups } = runtime;
  const lists = new GroupLists(calls);
  const stateOf = (server: string) => directory.find(server)?.state;
  const isUp = (server: string) => stateOf(server) === 'running';
  const groupEndpoint = createGroupEndpoint({
    ...{ groups, lists, ask, isUp, seal, streams },
    ...(peers && { peers }),
  });
  undo(() => groupEndpoint.close());
  const app = createApi({
    manager: runtime.servers,
    templates,
    discovery,
    calls,
    ...(runtime.custom && { custom: runtime.custom }),
    ...(runtime.secrets && { secretStore: runtime.secrets }),
    ...(runtime.logins && { logins: runtime.logins }),
    inspector,
    groups: { groups, lists, stateOf, publicUrl: () => url },
    logBook,
    settings: () => viewSettings(given, sources),
    ...(isInCluster(settings) && { gatewayName: hostname() }),
    signal: ending.signal,
    installation: {
      version: programVersion(),
      runtime: isInCluster(settings) ? 'kubernetes' : 'local',
      ...(runtime.namespace !== undefined && { namespace: runtime.namespace }),
      startedAt: Date.now(),
      ready,
      check: () => runtime.check(),
    },
    report: (error, requestId) => log.error({ requestId, error, cause: error.cause }, error.message),
  });
  addHomePage(app, runtime.servers);
  const counted = { traffic: new Traffic(), bodies: new BodyBudget(settings.limits.openBodyBytes) };
  const metrics = openMetrics({ runtime, log, undo, discovery, traces, ...counted });
  let front: HttpFront | undefined;
  const certificate = await openCertificate({ settings, log, undo }, (next) => front?.renew(next));
  front = createGateway({
    ...(certificate && { certificate }),
    streams,
    settings,
    keys,
    sealer,
    directory,
    router,
    control: createControlListener({
      ...{ app, mcp, ready, metrics },
      groups: groupEndpoint,
      guard: createGuard(settings, keys),
      bounds: { limits: settings.limits, bodies: counted.bodies },
    }),
    ...counted,
    ...traced,
    endpoints: endpointsOf(app),
    onRequest: createRequestLog(log),
    onError: (error, requestId) => {
      if (TO_LOG.has(error.code)) log.error({ requestId, error, cause: error.cause }, 'a request failed');
    },
  });
  const others = peers && { [PEERS_PATH]: peers.listener };
  await openProbes(settings, { ready, metrics, ...(others && { others }) }, undo);
  undo(async () => {
    ending.abort();
    if (runtime.drain > 0) await front.drain(runtime.drain);
    await front.close();
  });
  const { port, address } = await front.listen(settings.port, settings.host);
  const scheme = certificate ? 'https' : 'http';
  url = settings.publicUrl ?? urlOf(scheme, own?.address ?? address, port);
  localUrl = urlOf(scheme, ANY_ADDRESS[address] ?? address, port);
  await runtime.begin();
  const inCluster = isInCluster(settings);
  const from = settings.publicUrl === undefined ? (own?.from ?? 'where it listens') : 'publicUrl';
  log[inCluster || own ? 'info' : 'debug']({ url, from }, 'the gateway serves');
  return { url, inCluster, stopTimeout: settings.limits.stopTimeout };
}

/** Whoever is told an address may call it. */
function servedAt(settings: Settings, { address }: OwnAddress): Settings {
  const host = address.includes(':') ? `[${address}]` : address;
  return { ...settings, allowedHosts: [...settings.allowedHosts, host] };
}

/** Where this machine reaches what listens everywhere. */
const ANY_ADDRESS: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

function urlOf(scheme: 'http' | 'https', address: string, port: number): string {
  return `${scheme}://${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** Undefined where the gateway serves plain HTTP. */
async function openCertificate(
  { settings, log, undo }: Pick<Measured, 'log' | 'undo'> & { readonly settings: Settings },
  renewed: (certificate: ServedCertificate) => void,
): Promise<ServedCertificate | undefined> {
  const { tlsCertificate: folder } = settings;
  if (folder === undefined) return undefined;
  const watched = await watchServedCertificate({
    folder,
    clock: systemClock,
    onRenewed: (certificate) => {
      renewed(certificate);
      log.info('the certificate was renewed');
    },
    onError: (error) => log.error({ error }, 'the certificate cannot be used; the one before goes on'),
  });
  undo(() => watched.close());
  return watched.current;
}

function openDiscovery({ dataDir, search }: Settings, templates: TemplateCatalogue): Discovery {
  const { timeout: deadline, registries, pypiNames, downloadsUrl } = search;
  return new Discovery({
    dataDir,
    env: process.env,
    templates,
    registries,
    pypiNames,
    downloadsUrl,
    deadline,
  });
}

/** From the start on, where the operator wants it. */
function keepRegistryMirrors(
  { search: { mirrorEvery: every } }: Settings,
  { discovery, log, undo }: Pick<Measured, 'discovery' | 'log' | 'undo'>,
): void {
  if (every === 0) return;
  const onFault = (registry: string, error: unknown): void =>
    log.warn({ registry, error }, 'a mirror could not be renewed');
  undo(keepMirrors({ registries: discovery.registries, clock: systemClock, every, onFault }));
}

/** Undefined, and nothing of it loaded, where nobody wants traces. */
async function openTraces(
  { traces: { endpoint, sampleRate } }: Settings,
  { log, undo }: Pick<Measured, 'log' | 'undo'>,
): Promise<Traces | undefined> {
  if (endpoint === undefined) return undefined;
  const { openTraces: open } = await import('./traces/traces.ts');
  const onFault = (error: unknown): void => log.warn({ error }, 'spans of traces could not be exported');
  const traces = open({ endpoint, sampleRate, onFault });
  undo(() => traces.close());
  return traces;
}

/** What only one of them needs is loaded only for it. */
async function openRuntime(input: RuntimeInput): Promise<Runtime> {
  if (isInCluster(input.settings)) {
    const { openClusterRuntime } = await import('./cluster/gateway/main.ts');
    return openClusterRuntime(input);
  }
  const { openLocalRuntime } = await import('./runtimes/local/main.ts');
  return openLocalRuntime(input);
}

function isInCluster({ runtime }: Settings): boolean {
  if (runtime !== 'auto') return runtime === 'kubernetes';
  return process.env.KUBERNETES_SERVICE_HOST !== undefined && existsSync(SERVICE_ACCOUNT_TOKEN);
}

interface Measured {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly undo: Undo;
  readonly traffic: Traffic;
  readonly bodies: BodyBudget;
  readonly discovery: Discovery;
  readonly traces: Traces | undefined;
}

function openMetrics({ runtime, log, undo, traffic, bodies, discovery, traces }: Measured): Metrics {
  const program = createProcessSource();
  undo(() => program.close());
  return createMetrics({
    sources: [
      createTrafficSource(traffic, bodies),
      createSearchSource(discovery),
      ...(traces ? [createTraceSource(traces.count)] : []),
      ...runtime.metrics,
      program,
    ],
    onFault: (error) => log.error({ error }, 'metrics could not be read'),
  });
}

/** Probes are answered until the very end. */
async function openProbes(
  { metricsPort: port, host }: Settings,
  answers: Omit<ProbePortOptions, 'port' | 'host'>,
  undo: Undo,
) {
  if (port === 0) return;
  const probes = await openProbePort({ port, host, ...answers });
  undo(() => probes.close());
}

/** `npm start`, and the gateway's container: the gateway in the foreground, until a signal ends it. */
async function main(): Promise<void> {
  const gateway = await runGateway(process.argv.slice(2));
  // In a cluster nobody sits at a terminal, and what the program says are lines of its log.
  if (!gateway.inCluster) {
    console.log(`Berth listens on ${gateway.url}`);
    console.log('Next, in another terminal: npm run berth -- run everything');
  }
  stopOnSignals(gateway, ['SIGINT', 'SIGTERM', 'SIGHUP']);
}

/** Ends the program on the first of these signals, in the gateway's own time at the latest. */
export function stopOnSignals(gateway: Gateway, signals: readonly NodeJS.Signals[]): void {
  const stop = (): void => {
    closeInTime(gateway).then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  onStopSignal(signals, stop);
}

/** Closes it; the program ends with 1 when that takes longer than it may. */
export async function closeInTime({
  stopTimeout,
  close,
}: Pick<Gateway, 'stopTimeout' | 'close'>): Promise<void> {
  const late = setTimeout(() => process.exit(1), stopTimeout).unref();
  try {
    await close();
  } finally {
    clearTimeout(late);
  }
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
