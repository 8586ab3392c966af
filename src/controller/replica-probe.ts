/** What a replica says about itself, over its link. */
import { SUPERVISOR } from '../cluster/objects/places.ts';
import type { Pod } from '../cluster/objects/pod-types.ts';
import type { Era } from '../supervisor/handshake-report.ts';
import type { FailureReport, UsageTotals } from '../supervisor/server-report.ts';

export interface ReplicaReport {
  readonly sessions: number;
  /** What follows is absent from supervisors of before. */
  readonly processes?: number;
  /** Somebody has a session, a call, a parked call, a task or a listen. */
  readonly inUse?: boolean;
  readonly eras?: readonly Era[];
  /** Another look would find the same eras. */
  readonly conclusive?: boolean;
  readonly protocolVersion?: string;
  readonly serverInfo?: { readonly name: string; readonly version: string };
  readonly tools?: readonly string[];
  /** Names. */
  readonly capabilities?: readonly string[];
  /** Milliseconds since 1970. */
  readonly lastActivity?: number;
  /** The newest health check, which began at `at`, milliseconds since 1970. */
  readonly check?: { readonly at: number; readonly ms: number; readonly failures: number };
  /** Of one life of its supervisor, since that began. */
  readonly usage?: UsageTotals;
  /** The newest one, while it has not run well since. */
  readonly failure?: FailureReport;
}

/** Implemented over the links of the leader; absent, only what kubelet reports is known. */
export interface ReplicaProbe {
  /** Undefined when the replica cannot be asked just now, or takes too long for a look; never rejects. */
  report(pod: Pod, signal: AbortSignal): Promise<ReplicaReport | undefined>;
  /** Whether it has let the whole time of a question pass, and has answered none since. */
  isSilent?(pod: Pod): boolean;
  /** Closes a replica that nobody uses, for a while; false when somebody does, or it cannot be asked. Never rejects. */
  rest?(pod: Pod, signal: AbortSignal): Promise<boolean>;
  /** Tells a replica that its server is there no more; false when it could not be told just now. Never rejects. */
  removed?(pod: Pod): Promise<boolean>;
}

/** A pod with what it said. */
export interface Replica {
  readonly pod: Pod;
  readonly report?: ReplicaReport;
  /** It runs, as far as kubelet has said, and no longer answers. */
  readonly silent?: boolean;
}

/** Asks all that run. */
export async function askReplicas(
  pods: readonly Pod[],
  probe: ReplicaProbe | undefined,
  signal: AbortSignal,
): Promise<Replica[]> {
  return await Promise.all(
    pods.map(async (pod) => {
      if (!probe || !isAskable(pod)) return { pod };
      const report = await probe.report(pod, signal);
      if (report) return { pod, report };
      return probe.isSilent?.(pod) ? { pod, silent: true } : { pod };
    }),
  );
}

/** Of all replicas together; undefined when one that runs has not said. */
export function sessionsOf(replicas: readonly Replica[]): number | undefined {
  const running = replicas.filter(({ pod }) => isAskable(pod));
  if (running.some(({ report }) => report === undefined)) return undefined;
  return running.reduce((sum, { report }) => sum + (report?.sessions ?? 0), 0);
}

/** A supervisor that does not run has no sessions, and nobody waits for its answer. */
export function isAskable({ status }: Pod): boolean {
  const supervisor = status?.containerStatuses?.find(({ name }) => name === SUPERVISOR);
  return status?.phase === 'Running' && (supervisor === undefined || supervisor.state?.running !== undefined);
}
