/** Composition of a gateway in a cluster. Loaded only there: the Kubernetes client costs memory and time. */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { watchKeyRing } from '../../auth/mounted-key-ring.ts';
import { systemClock } from '../../clock.ts';
import { BerthError } from '../../errors.ts';
import { LinkCount } from '../../link/link-count.ts';
import { watchIdentity } from '../../link/mounted-identity.ts';
import type { TlsIdentity } from '../../link/tls-identity.ts';
import { createLinkSource } from '../../metrics/link-metrics.ts';
import { createServerSource } from '../../metrics/server-metrics.ts';
import type { RuntimeInput } from '../../runtimes/local/main.ts';
import type { Runtime } from '../../runtimes/runtime.ts';
import { lookAt } from '../../servers/component.ts';
import { createRemotePolicy } from '../../servers/remote-policy.ts';
import { checkWorkload } from '../../servers/workload-check.ts';
import { ApiClient } from '../api-client.ts';
import { createExecCarrier } from '../exec-carrier.ts';
import { loadClusterAccess } from '../kube-config.ts';
import type { McpServer } from '../mcp-server.ts';
import { createPodCarrier, type PodCarrier } from '../pod-carrier.ts';
import { MCP_SERVERS } from '../resources.ts';
import { ClusterGroups } from './cluster-groups.ts';
import { ClusterInspections } from './cluster-inspections.ts';
import { ClusterServers } from './cluster-servers.ts';
import { ClusterView, type ClusterViewOptions } from './cluster-view.ts';
import { ServerDirectory } from './server-directory.ts';
import { factsOf } from './server-facts.ts';
import { wakeServer } from './wake.ts';

/** Milliseconds between the end of the drain and the time at which everything must have ended. */
const STOP_MARGIN = 5_000;
const INSTANCE_BYTES = 9;
/** Milliseconds for the API server to show that it is there. */
const ANSWER_WITHIN = 5_000;

/** Begins to watch the cluster; rejects with `bad-setting` where there is none. */
export async function openClusterRuntime(input: RuntimeInput): Promise<Runtime> {
  const { settings, log, templates, publicUrl, undo } = input;
  mkdirSync(settings.dataDir, { recursive: true, mode: 0o700 });
  if (settings.resources.memory !== undefined || settings.resources.cpu !== undefined)
    log.warn(
      'resources.memory and resources.cpu have no effect in a cluster: see config.mcp.resources of the chart',
    );
  const access = await loadClusterAccess();
  const client = new ApiClient({ access });
  undo(() => client.close());
  const ring = await openRing(input);
  const namespace = settings.servers.namespace ?? `${settings.release}-servers`;
  const links = new LinkCount();
  const identity = await openIdentity(input);
  const exec = createExecCarrier({
    access,
    onEnd: (target, why, stderr) => log.debug({ pod: target.pod, why, stderr }, 'an exec ended'),
  });
  const view = new ClusterView({
    client,
    namespace,
    links: linkOptions(input, links, createPodCarrier({ exec, ...(identity && { identity }) })),
    onFault: (error) => log.warn({ error }, 'the cluster cannot be watched just now'),
  });
  undo(() => view.close());
  const directory = new ServerDirectory({
    view,
    behavior: (template) => templates.get(template)?.extras.behavior,
    wake: (resource) => wakeServer(client, resource),
    read: (name, signal) => client.get<McpServer>(MCP_SERVERS, { namespace, name }, { signal }),
  });
  const rules = {
    templates,
    allow: settings.allow,
    packages: settings.packages,
    remote: createRemotePolicy(settings.remote.allowedHosts),
  };
  const inspections: Runtime['inspections'] = (info) => {
    const onLeft = (name: string, error: unknown): void =>
      log.warn({ name, error }, 'what was made to try a package could not be removed');
    const made = new ClusterInspections({ client, view, namespace, rules, info, onLeft });
    undo(() => made.close());
    return made;
  };
  const servers = new ClusterServers({
    client,
    view,
    namespace,
    discover: settings.servers.discover,
    publicUrl,
    maxServers: settings.limits.servers,
    check: (spec) => checkWorkload(spec, rules),
    readyWithin: settings.limits.startTimeout,
  });
  const groups = new ClusterGroups({
    client,
    target: { namespace, name: `${settings.release}-groups` },
    onFault: (error) => log.warn({ error }, 'groups cannot be read just now'),
  });
  undo(() => groups.close());
  return {
    namespace,
    groups,
    servers,
    inspections,
    directory,
    router: view.replicas,
    ready: () => view.isSynced && ring.isThere,
    begin: () => Promise.resolve(),
    drain: Math.max(settings.limits.stopTimeout - STOP_MARGIN, 0),
    metrics: [
      createServerSource(() => (view.isSynced ? view.servers.map(factsOf) : [])),
      createLinkSource(links),
    ],
    check: () =>
      Promise.all([
        lookAt('kubernetes', () => askCluster(client, namespace)),
        lookAt('watch', () => {
          if (!view.isSynced) throw new BerthError('busy', 'the servers have not been listed yet');
        }),
        lookAt('seal-keys', () => {
          if (!ring.isThere) throw new BerthError('busy', `${settings.sealKeys} is not there`);
        }),
      ]),
  };
}

/** One question that costs little: the answer shows that the API server is there, trusts us and is trusted. */
async function askCluster(client: ApiClient, namespace: string): Promise<void> {
  await client.list(MCP_SERVERS, { namespace, limit: 1 }, AbortSignal.timeout(ANSWER_WITHIN));
}

async function openRing({ settings, log, sealer, undo }: RuntimeInput) {
  const ring = await watchKeyRing({
    path: settings.sealKeys,
    clock: systemClock,
    onKeys: (keys) => sealer.setKeys(keys),
    onError: (error) => log.error({ error }, 'the sealing keys cannot be read'),
  });
  undo(() => ring.close());
  if (!ring.isThere) log.info({ path: settings.sealKeys }, 'waiting for the sealing keys');
  return ring;
}

/** Undefined where links go by exec. */
async function openIdentity({ settings, log, undo }: RuntimeInput): Promise<(() => TlsIdentity) | undefined> {
  if (settings.linkCertificates === undefined) return undefined;
  const mounted = await watchIdentity({
    folder: settings.linkCertificates,
    clock: systemClock,
    onRenewed: () => log.info('the certificate for links was renewed'),
    onError: (error) => log.error({ error }, 'the certificate for links cannot be used'),
  });
  undo(() => mounted.close());
  return () => mounted.current;
}

function linkOptions(
  { log }: RuntimeInput,
  count: LinkCount,
  carrier: PodCarrier,
): ClusterViewOptions['links'] {
  return {
    connect: (pod, signal) => carrier.connect(pod, signal),
    count,
    instance: randomBytes(INSTANCE_BYTES).toString('base64url'),
    onDown: (pod, error) => log.warn({ pod: pod.pod, by: carrier.choose(pod), error }, 'a link is down'),
    onFault: (error) => log.error({ error }, 'a link does not follow the protocol'),
  };
}
