/** Asks replicas over links of the leader's own, which sleep between two questions. */
import { type Clock, systemClock } from '../clock.ts';
import { UID_LABEL } from '../cluster/objects/naming.ts';
import type { Pod } from '../cluster/objects/pod-types.ts';
import { linkPortOf, type PodCarrier, type PodTarget } from '../cluster/pod-carrier.ts';
import { toBerthError } from '../errors.ts';
import type { Link } from '../link/link.ts';
import { createSocketLink } from '../link/socket-link.ts';
import type { ServerReport } from '../supervisor/server-report.ts';
import type { SessionReport } from '../supervisor/session-report.ts';
import { AskedReplica, PATIENCE, SHORT_PATIENCE } from './asked-replica.ts';
import type { ReplicaProbe, ReplicaReport } from './replica-probe.ts';

export interface LinkProbe extends ReplicaProbe {
  /** Closes the links of pods that are not among these. */
  keepOnly(pods: readonly Pod[]): void;
  /** Idempotent. */
  close(): Promise<void>;
}

export interface LinkProbeOptions {
  /** A link to one pod, as it was last seen, that connects at its first question. */
  readonly open: (current: () => Pod) => Link;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly clock?: Clock;
}

/** Links by the carrier that each pod has. */
export function openLinks(carrier: PodCarrier, instance: string): LinkProbeOptions['open'] {
  return (current) =>
    createSocketLink({
      connect: (signal) => carrier.connect(targetOf(current()), signal),
      instance,
      lazy: true,
    });
}

function targetOf(pod: Pod): PodTarget {
  const { namespace = '', name = '', labels } = pod.metadata;
  return {
    namespace,
    pod: name,
    server: labels?.[UID_LABEL] ?? '',
    address: pod.status?.podIP,
    linkPort: linkPortOf(pod),
  };
}

export function createLinkProbe({ open, now, clock = systemClock }: LinkProbeOptions): LinkProbe {
  const replicas = new Map<string, AskedReplica>();
  const replicaOf = (pod: Pod, server: string): AskedReplica => {
    const { uid = '' } = pod.metadata;
    const known = replicas.get(uid);
    if (known) {
      known.pod = pod;
      return known;
    }
    const made = new AskedReplica(pod, open, { clock, ask: (link) => reportOf(link, server, now) });
    replicas.set(uid, made);
    return made;
  };
  /** What has cut one of a node off cuts the others off, too. */
  const isSilentNode = ({ spec }: Pod): boolean =>
    spec?.nodeName !== undefined &&
    [...replicas.values()].some(({ isSilent, pod }) => isSilent && pod.spec?.nodeName === spec.nodeName);
  const drop = async (uid: string): Promise<void> => {
    const replica = replicas.get(uid);
    replicas.delete(uid);
    await replica?.link.close();
  };
  return {
    report: async (pod) => {
      const server = pod.metadata.labels?.[UID_LABEL];
      if (server === undefined) return undefined;
      const replica = replicaOf(pod, server);
      return await replica.report(replica.isOverdue || isSilentNode(pod) ? SHORT_PATIENCE : PATIENCE);
    },
    isSilent: ({ metadata: { uid = '' } }) => replicas.get(uid)?.isSilent === true,
    rest: async (pod) => {
      const server = pod.metadata.labels?.[UID_LABEL];
      if (server === undefined) return false;
      const { link, isOverdue } = replicaOf(pod, server);
      if (isOverdue) return false;
      try {
        return (await link.ask?.({ what: 'rest', server })) === true;
      } catch {
        return false;
      }
    },
    removed: async (pod) => {
      const server = pod.metadata.labels?.[UID_LABEL];
      if (server === undefined) return true;
      try {
        await replicaOf(pod, server).link.ask?.({ what: 'removed', server });
        return true;
      } catch (thrown) {
        // A supervisor of before knows no such thing: it waits for its sessions as it always did.
        return toBerthError(thrown).code === 'internal';
      }
    },
    keepOnly: (pods) => {
      const there = new Set(pods.map(({ metadata }) => metadata.uid));
      for (const uid of [...replicas.keys()]) if (!there.has(uid)) void drop(uid);
    },
    close: async () => {
      await Promise.all([...replicas.keys()].map(drop));
    },
  };
}

async function reportOf(link: Link, server: string, now: () => number): Promise<ReplicaReport | undefined> {
  try {
    const answer = (await link.ask?.({ what: 'report', server })) as ServerReport | null | undefined;
    return answer ? toReport(answer, now()) : undefined;
  } catch (thrown) {
    // A supervisor of before does not know the question; any other answers no more of the next one.
    if (toBerthError(thrown).code !== 'internal') throw thrown;
    const list = await link.ask?.({ what: 'sessions', server });
    return Array.isArray(list) ? toCount(list as SessionReport[], now()) : undefined;
  }
}

function toReport(report: ServerReport, now: number): ReplicaReport {
  const { sessions, processes, inUse, idleMs, handshake, check, failure, usage } = report;
  return {
    ...{ sessions, processes, inUse },
    ...(idleMs !== undefined && { lastActivity: now - idleMs }),
    ...(handshake && handshakeOf(handshake)),
    ...(check && { check: { at: now - check.ageMs, ms: check.ms, failures: check.failures } }),
    ...(failure && { failure }),
    ...(usage && { usage }),
  };
}

function handshakeOf({
  eras,
  conclusive,
  protocolVersion,
  serverInfo,
  tools,
  capabilities,
}: NonNullable<ServerReport['handshake']>) {
  return {
    ...{ protocolVersion, serverInfo },
    ...(eras && { eras }),
    ...(conclusive !== undefined && { conclusive }),
    ...(tools && { tools }),
    ...(capabilities && { capabilities }),
  };
}

function toCount(reports: readonly SessionReport[], now: number): ReplicaReport {
  const clients = reports.filter(({ kind }) => kind !== 'process');
  const idle = Math.min(...clients.map(({ idleMs }) => idleMs));
  return {
    sessions: clients.length,
    ...(clients.length > 0 && { lastActivity: now - idle }),
  };
}
