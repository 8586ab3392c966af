/**
 * Takes the replicas of a server away that nobody uses. Every replica has closed itself before that is written, and only one that
 * nobody uses does: a request that comes meanwhile is sent back untouched, and its gateway wakes the server.
 */
import { ASLEEP } from '../cluster/asleep.ts';
import { WOKEN_AT } from '../cluster/gateway/wake.ts';
import type { McpServer } from '../cluster/mcp-server.ts';
import type { Deployment } from '../cluster/objects/deployment.ts';
import { MCP_SERVERS } from '../cluster/resources.ts';
import { toBerthError } from '../errors.ts';
import type { ClusterApi } from './cluster-api.ts';
import type { Replica, ReplicaProbe } from './replica-probe.ts';
import { isSettled } from './rollout.ts';

export interface SleepQuestion {
  readonly server: McpServer;
  readonly deployment: Deployment | undefined;
  readonly replicas: readonly Replica[];
  /** Milliseconds without use; 0 for never. */
  readonly after: number;
}

export interface SleepTools {
  readonly api: Pick<ClusterApi, 'patch'>;
  readonly probe?: ReplicaProbe;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Milliseconds from the first replica's closing in which the rest must be done: replicas open again by themselves some time later. */
const WRITE_WITHIN = 10_000;

/** True when it sleeps from now on. What fails leaves everything as it was; replicas open again by themselves. */
export async function sleepIfUnused(
  question: SleepQuestion,
  { api, probe, now }: SleepTools,
  signal: AbortSignal,
): Promise<boolean> {
  const { server, replicas } = question;
  if (!probe?.rest || !isUnused(question, now())) return false;
  const begun = now();
  for (const { pod } of replicas) if (!(await probe.rest(pod, signal))) return false;
  if (now() - begun > WRITE_WITHIN || signal.aborted) return false;
  const { name = '', namespace, resourceVersion, generation = 0 } = server.metadata;
  const annotations = { [ASLEEP]: String(generation) };
  try {
    // Of the version that was looked at: a specification or a wake that came meanwhile counts.
    const metadata = { annotations, ...(resourceVersion !== undefined && { resourceVersion }) };
    await api.patch(MCP_SERVERS, { namespace, name }, { patch: { metadata } });
  } catch (thrown) {
    if (toBerthError(thrown).code === 'conflict') return false;
    throw thrown;
  }
  return true;
}

/** All replicas are there and have said that nobody uses them, and it has been so for long enough. */
function isUnused({ server, deployment, replicas, after }: SleepQuestion, now: number): boolean {
  if (after === 0 || !deployment || !isSettled(deployment)) return false;
  if (replicas.length !== deployment.spec.replicas || replicas.length === 0) return false;
  // One that has just come up has had no time to be used.
  if (server.status?.startedAt === undefined) return false;
  if (replicas.some(({ report }) => report?.inUse !== false)) return false;
  const used = [
    ...replicas.map(({ report }) => report?.lastActivity ?? 0),
    ...[server.status.lastActivity, server.status.startedAt, server.metadata.creationTimestamp],
    server.metadata.annotations?.[WOKEN_AT],
  ].map((at) => (typeof at === 'number' ? at : Date.parse(at ?? '') || 0));
  // A clock that goes ahead must not keep a server awake for good.
  return now - Math.min(now, Math.max(...used)) >= after;
}
