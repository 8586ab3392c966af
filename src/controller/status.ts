/** The status of a server, derived from what was seen and from nothing else. */
import { isAsleep } from '../cluster/asleep.ts';
import type { McpServer, McpServerStatus } from '../cluster/mcp-server.ts';
import { replicaSelector } from '../cluster/objects/naming.ts';
import { endpointsOf } from '../servers/server-view.ts';
import type { Observed } from './cluster-api.ts';
import { rfc3339, toConditions } from './conditions.ts';
import { cutText } from './cut-text.ts';
import { factsOf, installReason, type Summary } from './facts.ts';
import type { Install } from './install.ts';
import { recordedTree } from './installation.ts';
import type { Need } from './needs.ts';
import { NOT_CREATED, type PodWarning } from './pod-warnings.ts';
import {
  deploymentProblem,
  installerPodProblem,
  installerRefusal,
  type Problem,
  podProblem,
  reportProblem,
  rolloutProblem,
  silenceProblem,
  warningProblem,
} from './problem.ts';
import type { Replica, ReplicaReport } from './replica-probe.ts';
import { reportedStatus } from './reported-status.ts';
import { usageOf } from './usage.ts';
import type { Volume } from './volume.ts';

/** Bytes; conditions say both together, and may have 32 KiB. */
const MOST_MESSAGE = 16_384;
const MOST_HINT = 4_096;

export interface StatusInput {
  readonly server: McpServer;
  readonly observed: Observed;
  readonly replicas: readonly Replica[];
  /** Absent when that could not be worked out. */
  readonly wanted?: number;
  readonly install?: Install;
  /** Of the plan. */
  readonly problem?: Problem;
  /** Of the replicas that there are, or are to be. */
  readonly capacity?: McpServerStatus['capacity'];
  readonly volume?: Volume;
  readonly needs: readonly Need[];
  /** Of a pod that is held up before its first container, or of an installer without one. */
  readonly warning?: PodWarning;
  readonly publicUrl?: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

interface Counts {
  readonly wanted: number;
  readonly existing: number;
  readonly ready: number;
  readonly available: number;
  readonly updated: number;
}

export function statusOf(input: StatusInput): McpServerStatus {
  const { server, observed, now, publicUrl } = input;
  const counts = countsOf(input);
  const summary = cutSummary(summarise(input, counts));
  const { state, reason, message, problem } = summary;
  const { name = '', uid = '', generation = 0, creationTimestamp } = server.metadata;
  const tree = recordedTree(observed.deployment)?.tree;
  const before = server.status?.conditions ?? [];
  const volume = server.spec.persistence && (input.volume?.seen ?? server.status?.volume);
  const usage = usageOf(input.replicas, server.status?.usage, now);
  return {
    state,
    reason,
    message,
    ...(problem && { hint: problem.hint, phase: problem.phase }),
    ...(problem?.failure && { failure: problem.failure }),
    ...(!problem && input.install?.state === 'running' && { phase: 'install' }),
    observedGeneration: generation,
    ready: `${counts.ready}/${counts.wanted}`,
    replicas: counts.existing,
    readyReplicas: counts.ready,
    availableReplicas: counts.available,
    updatedReplicas: counts.updated,
    selector: replicaSelector({ uid }),
    ...reportedStatus(input.replicas, server.status),
    ...(input.capacity && { capacity: input.capacity }),
    ...(usage && { usage }),
    ...(tree && { package: tree.package, tree: { digest: tree.digest } }),
    ...(volume && { volume }),
    ...(input.needs.length > 0 && { dependencies: input.needs.map(toDependency) }),
    ...(publicUrl !== undefined && { endpoints: endpointsOf(name, publicUrl) }),
    conditions: toConditions(factsOf({ ...input, ...counts, summary }), { before, generation, now }),
    ...(creationTimestamp !== undefined && { createdAt: creationTimestamp }),
    ...startedAt(server, counts, now),
  };
}

/** Names without end must not keep the whole status from being written. */
function cutSummary({ message, problem, ...rest }: Summary): Summary {
  return {
    ...{ ...rest, message: cutText(message, MOST_MESSAGE) },
    ...(problem && { problem: { ...problem, hint: cutText(problem.hint, MOST_HINT) } }),
  };
}

function countsOf({ observed: { deployment }, wanted }: StatusInput): Counts {
  const {
    replicas = 0,
    readyReplicas = 0,
    availableReplicas = 0,
    updatedReplicas = 0,
  } = deployment?.status ?? {};
  return {
    wanted: wanted ?? deployment?.spec.replicas ?? 0,
    existing: replicas,
    ready: readyReplicas,
    available: availableReplicas,
    updated: updatedReplicas,
  };
}

/** The first thing that stands in the way; what concerns all replicas comes before what concerns one. */
function problemIn(input: StatusInput): Problem | undefined {
  const { problem, volume, install, observed } = input;
  if (problem) return problem;
  if (volume?.problem) return volume.problem;
  if (install?.state === 'failed') return install.problem;
  const { deployment } = observed;
  return (
    installerProblem(input) ??
    deploymentProblem(deployment) ??
    replicaProblem(input) ??
    rolloutProblem(deployment)
  );
}

function installerProblem({ server, install, observed, warning }: StatusInput): Problem | undefined {
  if (install?.state !== 'running') return undefined;
  const seen = observed.installers.map((pod) => installerPodProblem(pod, server)).find(Boolean);
  return seen ?? (warning?.reason === NOT_CREATED ? installerRefusal(warning.note, server) : undefined);
}

function replicaProblem({ server, observed, replicas, warning, install }: StatusInput): Problem | undefined {
  const seen = observed.pods
    // A pod that is being ended may look as it likes.
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map((pod) => podProblem(pod, server))
    .find(Boolean);
  if (seen) return seen;
  if (warning && warning.reason !== NOT_CREATED) return warningProblem(warning, server);
  // One that is being ended may fail as it likes.
  const staying = replicas.filter(({ pod }) => pod.metadata.deletionTimestamp === undefined);
  const told = staying
    .flatMap(({ report }) => (report && !(install && waitsForTree(report)) ? [report] : []))
    .map(reportProblem)
    .find(Boolean);
  const silent = staying.find((one) => one.silent);
  return told ?? (silent && silenceProblem(silent.pod));
}

/** The package is being installed again, or has been a moment ago: what the supervisor misses comes by itself. */
function waitsForTree({ failure }: ReplicaReport): boolean {
  return failure?.reason === 'TreeMissing';
}

function summarise(input: StatusInput, counts: Counts): Summary {
  const { server, observed, install } = input;
  const name = server.metadata.name ?? '';
  const { wanted, ready, existing, updated } = counts;
  const problem = problemIn(input);
  if (wanted === 0 && !input.problem) return stopped(input, existing);
  if (problem) return troubled(problem, ready > 0);
  if (install?.state === 'running') return installing(name, install, ready > 0);
  const isCurrent =
    (observed.deployment?.status?.observedGeneration ?? 0) >= (observed.deployment?.metadata.generation ?? 0);
  if (ready === 0) return starting(name, observed);
  if (ready >= wanted && (updated < existing || !isCurrent))
    return {
      state: 'running',
      reason: 'RollingOut',
      message: `${name} is running; ${updated} of ${wanted} replicas are new`,
    };
  if (ready !== wanted || existing !== wanted)
    return {
      state: 'scaling',
      reason: 'Scaling',
      message: `${ready} of ${wanted} replicas of ${name} are ready`,
    };
  return { state: 'running', reason: 'Ready', message: `${name} is running` };
}

function installing(name: string, { again }: RunningInstall, serves: boolean): Summary {
  const doing = again ? 'installed again, as the package store has lost it' : 'being installed';
  const message = serves
    ? `${name} is running; its ${again ? 'package' : 'new version'} is ${doing}`
    : `the package of ${name} is ${doing}`;
  return { state: serves ? 'running' : 'starting', reason: installReason(again), message };
}

type RunningInstall = Extract<Install, { readonly state: 'running' }>;

/** Its pods count until they have gone: a Deployment no longer counts those that are told to end. */
function stopped({ server, observed, replicas }: StatusInput, existing: number): Summary {
  const { name = '' } = server.metadata;
  const left = Math.max(existing, observed.pods.length);
  const suspended = server.spec.suspend === true;
  const asleep = !suspended && isAsleep(server);
  if (left > 0)
    return {
      state: 'scaling',
      reason: 'Stopping',
      message: `${name} is being stopped; ${counted(left, 'replica')}${withSessions(replicas)} left`,
    };
  return {
    state: 'stopped',
    reason: suspended ? 'Suspended' : asleep ? 'Asleep' : 'ScaledToZero',
    message: asleep
      ? `${name} sleeps, as nobody has used it; its next request wakes it`
      : `${name} is stopped`,
  };
}

/** As far as replicas have said it. */
function withSessions(replicas: readonly Replica[]): string {
  const sessions = replicas.reduce((sum, { report }) => sum + (report?.sessions ?? 0), 0);
  return sessions > 0 ? ` with ${counted(sessions, 'session')}` : '';
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function troubled(problem: Problem, serves: boolean): Summary {
  const { reason, message, waits } = problem;
  return {
    state: serves || problem.serves ? 'degraded' : waits ? 'pending' : 'failed',
    reason,
    message,
    problem,
  };
}

function starting(name: string, { pods }: Observed): Summary {
  const placed = pods.some(({ spec }) => spec?.nodeName !== undefined);
  return placed
    ? { state: 'starting', reason: 'Starting', message: `${name} is being started` }
    : { state: 'pending', reason: 'WaitingForPod', message: `${name} waits for a pod` };
}

function toDependency({ name, met, why }: Need): NonNullable<McpServerStatus['dependencies']>[number] {
  return { name, met, ...(why !== undefined && { message: why }) };
}

/** Since when it has been ready without a break. */
function startedAt(
  { status }: McpServer,
  { ready }: Counts,
  now: number,
): Pick<McpServerStatus, 'startedAt'> {
  return ready === 0 ? {} : { startedAt: status?.startedAt ?? rfc3339(now) };
}
