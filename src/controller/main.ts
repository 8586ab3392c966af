/** The controller's composition root: one leader at a time sees to the servers of a release. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { type Clock, systemClock } from '../clock.ts';
import { ApiClient } from '../cluster/api-client.ts';
import { createExecCarrier } from '../cluster/exec-carrier.ts';
import { unlessInspection } from '../cluster/inspection.ts';
import { loadClusterAccess } from '../cluster/kube-config.ts';
import { createLeaderElection, type LeaderElection } from '../cluster/lease.ts';
import { treesUrl } from '../cluster/objects/blueprint.ts';
import { createPodCarrier } from '../cluster/pod-carrier.ts';
import { CONFIG_MAPS, type OwnerReference } from '../cluster/resources.ts';
import { BerthError, toBerthError } from '../errors.ts';
import { createLog, type Log } from '../log/log.ts';
import { createMetrics, type MetricSource } from '../metrics/metrics.ts';
import { openProbePort } from '../metrics/probe-port.ts';
import { createProcessSource } from '../metrics/process-metrics.ts';
import { onStopSignal } from '../stop-signals.ts';
import { loadCatalogue, type TemplateCatalogue } from '../templates/catalogue.ts';
import { Applier } from './applier.ts';
import { Controller } from './controller.ts';
import { ControllerCount } from './controller-count.ts';
import { createControllerSource, type TermMeasure } from './controller-metrics.ts';
import { keepDeclared } from './declared-servers.ts';
import { EventRecorder } from './event-recorder.ts';
import { type KeptUp, keepUp } from './keep-up.ts';
import { keepKeyRing, keepTreesKey } from './key-ring.ts';
import { createLinkProbe, type LinkProbe, openLinks } from './link-probe.ts';
import { ownedBy } from './owned-by.ts';
import { type WatchedPicture, watchPicture } from './picture.ts';
import { createPodWarnings } from './pod-warnings.ts';
import { createReleaseLinks, type ReleaseLinks } from './release-links.ts';
import { createSecretCheck } from './secret-check.ts';
import { type ControllerSettings, readControllerSettings } from './settings.ts';
import { createTreesProbe } from './trees-probe.ts';

export interface ControllerInput {
  readonly settings: ControllerSettings;
  readonly client: ApiClient;
  readonly templates: TemplateCatalogue;
  readonly log: Log;
  /** Of this run. */
  readonly instance: string;
  /** Of the release: it takes the lease along when it goes. */
  readonly owner?: OwnerReference;
  /** Made anew for each term of this leader. */
  readonly probe?: (links: ReleaseLinks) => LinkProbe;
  /** Of the wait for a first picture of the cluster. */
  readonly clock?: Clock;
  /** Milliseconds since 1970, by the machine's clock unless another one is given. */
  readonly now?: () => number;
  /** Where berth-trees is reached from here, when that is not where pods reach it. */
  readonly treesUrl?: string;
}

export interface RunningController {
  readonly leading: boolean;
  /** It leads, has been for a while, and can see to nothing yet. */
  readonly stuck: boolean;
  readonly metrics: MetricSource;
  /** Ends what is under way and frees the lease. Idempotent. */
  close(): Promise<void>;
}

/** Milliseconds in which a leader is to have listed everything once; as often it is said that it has not. */
const LISTED_WITHIN = 60_000;
/** Milliseconds between looks at the keys and at the servers of the chart's values. */
const KEEP_EVERY = 60_000;
/** The same between looks for links of pods that are gone. */
const FORGET_EVERY = 60_000;
const DAY_MS = 24 * 3_600_000;
const HEALTH_PORT = 9_090;
const TEMPLATES = fileURLToPath(new URL('../../registry-templates', import.meta.url));

/** Takes part in the election at once; works only while it leads. */
export function runController(input: ControllerInput): RunningController {
  const { settings, client, log, instance } = input;
  const { release, releaseNamespace } = settings.pods;
  let term: Promise<Term> | undefined;
  let begun: Term | undefined;
  let ending = new AbortController();
  let stuck = false;
  const count = new ControllerCount();
  const election: LeaderElection = createLeaderElection({
    client,
    // Its metadata, when it is made here.
    lease: {
      namespace: releaseNamespace,
      name: `${release}-controller`,
      ...(input.owner && { ownerReferences: [input.owner] }),
    },
    identity: instance,
    onLead: () => {
      log.info({ instance }, 'leads');
      ending = new AbortController();
      const beginning = beginTerm(input, {
        count,
        leads: () => election.leading,
        signal: ending.signal,
        onStuck: (is) => {
          stuck = is;
        },
      });
      term = beginning;
      beginning.then(
        (one) => {
          if (term === beginning) begun = one;
        },
        (thrown: unknown) => {
          if (term === beginning) log.error({ err: thrown }, 'the work of the leader could not begin');
        },
      );
    },
    onLose: async () => {
      log.info({ instance }, 'leads no longer');
      const ended = term;
      term = undefined;
      begun = undefined;
      // One that has not begun yet may never do so.
      ending.abort(new Error('another one leads'));
      await (await ended?.catch(() => undefined))?.close();
    },
    onFault: (error) => log.warn({ err: error }, 'the lease could not be had'),
  });
  return {
    get leading() {
      return election.leading;
    },
    get stuck() {
      return stuck;
    },
    metrics: createControllerSource(
      count,
      () => begun?.measure(),
      () => election.leading,
    ),
    close: () => election.close(),
  };
}

interface Term {
  measure(): TermMeasure;
  close(): Promise<void>;
}

interface Beginning {
  readonly count: ControllerCount;
  readonly leads: () => boolean;
  /** Ends a beginning that goes on. */
  readonly signal: AbortSignal;
  readonly onStuck: (stuck: boolean) => void;
}

/** What one leader does, from its beginning to its end. */
async function beginTerm(
  input: ControllerInput,
  { count, leads, signal, onStuck }: Beginning,
): Promise<Term> {
  const { settings, client, log, instance, templates, clock = systemClock, now = Date.now } = input;
  let controller: Controller | undefined;
  const links = createReleaseLinks(client, settings, now);
  const probe = input.probe?.(links);
  const events = new EventRecorder({ api: client, instance, now });
  let fault: BerthError | undefined;
  const picture = watchPicture({
    client,
    namespace: settings.namespace,
    onChange: (object) => controller?.changed(object),
    // Whoever waits for the answer of a pod that is gone would hold its server up: one that is woken, above all.
    onPodGone: () => probe?.keepOnly(picture.pods),
    onFault: (error) => {
      count.watchFaults++;
      fault = error;
      log.warn({ err: error }, 'the cluster could not be watched; it is tried again');
    },
  });
  let kept: KeptUp | undefined;
  const keep = async (): Promise<void> => {
    if (leads())
      await keepRelease(input, { picture, links, events, onRenewed: () => controller?.allChanged() });
  };
  const stop = systemClock.every(FORGET_EVERY, () => probe?.keepOnly(picture.pods));
  const close = async (): Promise<void> => {
    stop();
    kept?.stop();
    await controller?.close();
    await probe?.close();
    await picture.close();
  };
  const stopTelling = clock.every(LISTED_WITHIN, () => {
    onStuck(true);
    log.error(
      { err: fault, resources: picture.unlisted },
      'leads and sees to no server: these resources cannot be listed. Look at the rights of the account of the controller, and at the definition of MCPServers',
    );
  });
  const giveUp = (): void => void picture.close();
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    if (signal.aborted) giveUp();
    await picture.synced.finally(() => {
      stopTelling();
      signal.removeEventListener('abort', giveUp);
      onStuck(false);
    });
    kept = keepUp(keep, {
      clock: systemClock,
      every: KEEP_EVERY,
      onFault: (thrown) =>
        log.warn(
          { err: toBerthError(thrown) },
          'keys or declared servers could not be kept; it is tried again',
        ),
    });
    await kept.tried;
    const tools = {
      ...{ api: client, templates, settings, now },
      applier: new Applier(client, now),
      trees: createTreesProbe(input.treesUrl ?? treesUrl(settings.pods)),
      treesKey: () => keepTreesKey(client, treesKeyOf(settings)),
      authority: () => links.authority,
      warnings: createPodWarnings(client, (error) =>
        log.warn({ err: error }, 'what the cluster says of a pod could not be read'),
      ),
      ...(settings.checksSecrets && { secretCheck: createSecretCheck(client, now) }),
      ...(probe && { probe }),
      find: (name: string) => unlessInspection(picture.server(name)),
    };
    if (leads())
      controller = new Controller({ picture, tools, clock: systemClock, log, instance, leads, count });
    return {
      close,
      measure: () => ({
        servers: picture.servers,
        jobs: picture.jobs,
        queue: controller?.queue,
      }),
    };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Keeping {
  readonly picture: WatchedPicture;
  readonly links: ReleaseLinks;
  readonly events: EventRecorder;
  /** The certificates of all servers are to be renewed. */
  readonly onRenewed: () => void;
}

async function keepRelease(
  { settings, client, log, now = Date.now }: ControllerInput,
  { picture, links, events, onRenewed }: Keeping,
): Promise<void> {
  const { release, releaseNamespace } = settings.pods;
  const owner = await ownerOf(client, settings);
  const ring = { namespace: releaseNamespace, name: `${release}-keys`, ...owner };
  const done = await keepKeyRing(client, ring, {
    maxAgeMs: settings.rotateKeysDays * DAY_MS,
    now: now(),
  });
  if (done !== 'kept') log.info({ ring: ring.name }, `the key ring was ${done}`);
  await keepTreesKey(client, { ...treesKeyOf(settings), ...owner });
  if (await links.keep(owner.owner)) onRenewed();
  await keepDeclared({
    api: client,
    source: { namespace: settings.namespace, name: `${release}-servers` },
    release,
    namespace: settings.namespace,
    servers: picture.servers,
    onFault: (server, error, values) => {
      log.warn({ server, err: error }, 'a server of the values cannot be made');
      // The log of the controller is the last place where somebody looks.
      const told = new BerthError(error.code, `server ${server}: ${error.message}`, error.details);
      events
        .refused({ kind: CONFIG_MAPS, object: values }, 'ServerRefused', told)
        .catch((thrown: unknown) => log.warn({ err: toBerthError(thrown) }, 'an event could not be written'));
    },
  });
}

/** The chart's own ConfigMap: uninstalling takes along what it owns. */
async function ownerOf(
  client: ApiClient,
  { pods }: ControllerSettings,
): Promise<{ readonly owner?: OwnerReference }> {
  const target = { namespace: pods.releaseNamespace, name: `${pods.release}-controller` };
  const found = await client.get(CONFIG_MAPS, target);
  return found ? { owner: ownedBy(CONFIG_MAPS, found) } : {};
}

function treesKeyOf({ pods }: ControllerSettings): { readonly namespace: string; readonly name: string } {
  return { namespace: pods.releaseNamespace, name: `${pods.release}-trees-key` };
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { config: { type: 'string' } } });
  if (values.config === undefined) throw new BerthError('bad-setting', 'usage: --config FILE');
  const settings = await readControllerSettings(values.config);
  const log = createLog({ level: settings.logLevel, format: settings.logFormat });
  const access = await loadClusterAccess();
  const client = new ApiClient({ access });
  const templates = await loadCatalogue(TEMPLATES, { cluster: true });
  const instance = `${process.env.POD_NAME ?? hostname()}-${randomUUID().slice(0, 8)}`;
  const owner = await ownerOf(client, settings);
  const exec = createExecCarrier({ access });
  const probe = (links: ReleaseLinks): LinkProbe => {
    const carrier = createPodCarrier({ exec, identity: () => links.identity });
    return createLinkProbe({ open: openLinks(carrier, instance), now: Date.now });
  };
  const running = runController({ settings, client, templates, log, instance, probe, ...owner });
  // Alive as long as this program turns; whether it leads is no question of health, only whether it does so in vain.
  const probes = await openProbePort({
    port: Number(process.env.BERTH_HEALTH_PORT ?? HEALTH_PORT),
    ready: () => !running.stuck,
    metrics: createMetrics({
      sources: [running.metrics, createProcessSource()],
      onFault: (error) => log.error({ err: error }, 'metrics could not be read'),
    }),
  });
  const stop = (): void => {
    void running.close().finally(() => {
      client.close();
      void probes.close();
      process.exit(0);
    });
  };
  onStopSignal(['SIGTERM', 'SIGINT'], stop);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  main().catch((thrown: unknown) => {
    const { message, hint, details } = toBerthError(thrown);
    process.stderr.write(`${JSON.stringify({ error: message, hint, fields: details.fields })}\n`);
    process.exit(1);
  });
}
