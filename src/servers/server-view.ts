/** What the API says about a server: its specification and its status. */
import type { Era, HandshakeReport } from '../supervisor/handshake-report.ts';
import type { WantedTransport } from '../supervisor/remote-transport.ts';
import type { ResourceLimits } from '../supervisor/resource-limits.ts';
import type { ServerActivity } from './host.ts';
import type { Labels } from './labels.ts';
import { limitTexts, wantedOf } from './machine-limits.ts';
import type { HealthCheck, ServerHealth } from './server-health.ts';
import type { FailureRecord, ServerRecord } from './server-record.ts';
import type { ServerSpec } from './server-spec.ts';
import { eraOf } from './session-view.ts';
import type { TimedStartEvent } from './start-log.ts';

export type ServerState = 'stopped' | 'pending' | 'starting' | 'running' | 'failed';

/** On one machine, a server that runs and fails its health checks is `degraded`. */
type LocalState = ServerState | 'degraded';

/** The state as a person sees it; `scaling` and `unknown` are states of replicas in a cluster. */
export type StatusState = LocalState | 'scaling' | 'unknown';

export const STATUS_STATES = [
  'stopped',
  'pending',
  'starting',
  'running',
  'scaling',
  'degraded',
  'failed',
  'unknown',
] as const satisfies readonly StatusState[];

export interface ServedEndpoint {
  readonly transport: 'streamable-http' | 'sse' | 'websocket';
  readonly url: string;
}

/** `unknown`: of a program that Berth did not make. */
export type Endpoint = ServedEndpoint | { readonly transport: 'unknown'; readonly url: string };

export interface ServerStatus {
  readonly state: StatusState;
  /** One word for the state, as in a Kubernetes condition. */
  readonly reason: string;
  readonly message: string;
  readonly hint?: string;
  readonly failure?: FailureRecord;
  readonly replicas: {
    readonly desired: number;
    readonly ready: number;
    /** In a cluster: ready for long enough, and made of the newest specification. */
    readonly available?: number;
    readonly updated?: number;
  };
  /** `healthy`: its newest handshake came through, at its start or in a check. */
  readonly health: 'healthy' | 'unhealthy' | 'unknown';
  readonly lastCheck?: HealthCheckView;
  readonly sessions: number;
  readonly processes: number;
  /** In a cluster: what one replica takes at one time, and processes only where clients do not all share what is started. */
  readonly capacity?: { readonly sessions: number; readonly processes?: number };
  /** On one machine: what each of its processes may have; absent where that is all there is. */
  readonly resources?: ResourcesView;
  /** What the server speaks itself; clients of either era can call it. */
  readonly eras?: readonly Era[];
  /** Of {@link protocolVersion}. */
  readonly era?: Era;
  readonly protocolVersion?: string;
  readonly serverInfo?: HandshakeReport['serverInfo'];
  readonly tools?: readonly string[];
  /** Names of what it offers, such as `tools` and `logging`. */
  readonly capabilities?: readonly string[];
  /** In a cluster: what it needs of other servers. */
  readonly dependencies?: readonly DependencyView[];
  readonly package?: {
    readonly ecosystem: string;
    readonly name: string;
    readonly version: string;
    /** Whether the registry has signed it; absent where nobody looked. */
    readonly signature?: 'verified' | 'unknown';
  };
  /** Of a server that runs elsewhere. */
  readonly remote?: { readonly url: string; readonly transport: WantedTransport };
  /** Phases of the newest start, with their milliseconds. */
  readonly phases: readonly { readonly phase: string; readonly ms: number }[];
  readonly endpoints: readonly Endpoint[];
  /** In a cluster. */
  readonly conditions?: readonly ConditionView[];
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  readonly startedAt?: string;
  readonly stoppedAt?: string;
  readonly lastActivity?: string;
}

export interface ResourcesView {
  /** Quantities such as `512Mi` and `500m`. */
  readonly limits: { readonly memory?: string; readonly cpu?: string };
  /** Its processes that the system ended for want of memory since the gateway began; absent before the first. */
  readonly outOfMemory?: { readonly count: number /** ISO 8601, UTC. */; readonly lastAt: string };
}

export interface DependencyView {
  readonly name: string;
  readonly met: boolean;
  /** What is missing. */
  readonly message?: string;
}

export interface ConditionView {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  /** ISO 8601, UTC. */
  readonly lastUpdate?: string;
}

/** Its failure stands beside it. */
export interface HealthCheckView extends Pick<HealthCheck, 'ms' | 'failures'> {
  /** ISO 8601, UTC. */
  readonly at: string;
}

/** What a check says. */
export type HealthView = Pick<
  ServerStatus,
  'state' | 'health' | 'message' | 'hint' | 'failure' | 'lastCheck'
>;

export interface ServerView {
  readonly name: string;
  readonly id: string;
  /** Changes with everything that is wanted of it: its specification, whether it is to run, and that it was restarted. */
  readonly revision: string;
  readonly labels: Labels;
  /** Absent where Berth did not make the server. */
  readonly spec?: ServerSpec;
  /** `false`: a workload of the cluster that Berth found and did not make. */
  readonly managed?: false;
  readonly status: ServerStatus;
}

export interface ViewInput {
  readonly record: ServerRecord;
  readonly state: ServerState;
  readonly activity: ServerActivity | undefined;
  /** What holds for its processes. */
  readonly resources: ResourceLimits;
  readonly health: Pick<ServerHealth, 'last' | 'degraded'>;
  readonly events: readonly TimedStartEvent[];
  /** Base of every URL, from the settings and never from a Host header. */
  readonly publicUrl: string;
}

const REASON: Readonly<Record<LocalState, string>> = {
  stopped: 'Stopped',
  pending: 'WaitingForTurn',
  starting: 'Starting',
  running: 'Ready',
  failed: 'StartFailed',
  degraded: 'HealthChecksFailed',
};

export function viewServer(input: ViewInput): ServerView {
  const { record } = input;
  return {
    name: record.name,
    id: record.id,
    revision: revisionOf(record),
    labels: record.spec.labels ?? {},
    spec: record.spec,
    status: viewStatus(input),
  };
}

/** See {@link ServerView.revision}. */
export function revisionOf({ generation = 0 }: Pick<ServerRecord, 'generation'>): string {
  return String(generation);
}

/** The three URLs of a server. */
export function endpointsOf(name: string, publicUrl: string): ServedEndpoint[] {
  const base = `${publicUrl.replace(/\/+$/, '')}/servers/${name}`;
  return [
    { transport: 'streamable-http', url: `${base}/mcp` },
    { transport: 'sse', url: `${base}/sse` },
    { transport: 'websocket', url: `${base.replace(/^http/, 'ws')}/ws` },
  ];
}

/** State and health of a server. */
export function viewHealth({
  record,
  state,
  health,
}: Pick<ViewInput, 'record' | 'state' | 'health'>): HealthView & { readonly state: LocalState } {
  const last = state === 'running' ? health.last : undefined;
  const failed = state === 'failed' ? record.failure : last?.failure;
  const shown: LocalState = last && health.degraded ? 'degraded' : state;
  return {
    state: shown,
    health: failed ? 'unhealthy' : state === 'running' ? 'healthy' : 'unknown',
    message: shown === 'running' ? messageOf(record, shown) : (failed?.message ?? messageOf(record, shown)),
    ...(failed?.hint !== undefined && { hint: failed.hint }),
    ...(failed && { failure: failed }),
    ...(last && { lastCheck: { at: iso(last.at), ms: last.ms, failures: last.failures } }),
  };
}

function viewStatus(input: ViewInput): ServerStatus {
  const { record, state, health, activity, events, publicUrl } = input;
  const { report, resolved } = record;
  const seen = viewHealth({ record, state, health });
  return {
    ...seen,
    reason: (seen.state === 'running' ? undefined : seen.failure?.reason) ?? REASON[seen.state],
    replicas: { desired: record.desired === 'running' ? 1 : 0, ready: state === 'running' ? 1 : 0 },
    sessions: activity?.sessions ?? 0,
    processes: activity?.processes ?? 0,
    ...viewResources(input),
    ...(report && viewReport(report)),
    ...(resolved && {
      package: {
        ecosystem: resolved.ecosystem,
        name: resolved.name,
        version: resolved.version,
        ...(resolved.signature && { signature: resolved.signature }),
      },
    }),
    ...(record.plan.remote && {
      remote: { url: record.plan.remote.url, transport: report?.transport ?? record.plan.remote.transport },
    }),
    phases: events.flatMap((event) =>
      event.type === 'phase' && event.state === 'done' ? [{ phase: event.phase, ms: event.ms }] : [],
    ),
    endpoints: endpointsOf(record.name, publicUrl),
    createdAt: iso(record.createdAt),
    ...(record.startedAt !== undefined && { startedAt: iso(record.startedAt) }),
    ...(record.stoppedAt !== undefined && { stoppedAt: iso(record.stoppedAt) }),
    ...(activity?.lastActivity !== undefined && { lastActivity: iso(activity.lastActivity) }),
  };
}

function viewResources({ record, resources, activity }: ViewInput): Pick<ServerStatus, 'resources'> {
  if (record.plan.remote || wantedOf(resources).length === 0) return {};
  const { outOfMemory } = activity ?? {};
  const ended = outOfMemory && { count: outOfMemory.count, lastAt: iso(outOfMemory.at) };
  return { resources: { limits: limitTexts(resources), ...(ended && { outOfMemory: ended }) } };
}

function viewReport(report: HandshakeReport): Partial<ServerStatus> {
  return {
    era: eraOf(report.protocolVersion),
    ...(report.eras && { eras: report.eras }),
    protocolVersion: report.protocolVersion,
    serverInfo: report.serverInfo,
    ...(report.tools && { tools: report.tools }),
    capabilities: Object.keys(report.capabilities),
  };
}

function messageOf(record: ServerRecord, state: LocalState): string {
  switch (state) {
    case 'stopped':
      return `${record.name} is stopped`;
    case 'pending':
      return `${record.name} waits for other servers to start`;
    case 'starting':
      return `${record.name} is being started`;
    case 'running':
      return `${record.name} is running`;
    case 'failed':
      return `${record.name} could not be started`;
    case 'degraded':
      return `${record.name} fails its health checks`;
  }
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
