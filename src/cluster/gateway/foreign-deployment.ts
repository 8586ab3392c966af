/** Deployments with the discovery label that Berth did not make: what is known of them as of a server. */
import type { ConditionView, Endpoint, ServerView, StatusState } from '../../servers/server-view.ts';
import type { KubeObject } from '../resources.ts';
import { endpointsOf, type Service, servicesFor } from './service-endpoints.ts';

export interface DeploymentObject extends KubeObject {
  readonly spec: {
    readonly replicas?: number;
    readonly selector: LabelSelector;
    readonly template: {
      readonly metadata?: {
        readonly labels?: Readonly<Record<string, string>>;
        readonly annotations?: Readonly<Record<string, string>>;
      };
    };
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly readyReplicas?: number;
    readonly availableReplicas?: number;
    readonly updatedReplicas?: number;
    readonly conditions?: readonly DeploymentCondition[];
  };
}

interface DeploymentCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastUpdateTime?: string;
}

export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

/** A Deployment without a number has one replica. */
export function desiredReplicas({ spec }: DeploymentObject): number {
  return spec.replicas ?? 1;
}

/** True for one that an MCPServer owns: it is shown as that. */
export function isOurs({ metadata }: DeploymentObject): boolean {
  return (
    metadata.ownerReferences?.some(({ kind, controller }) => controller && kind === 'MCPServer') ?? false
  );
}

/** Whether what its controller says is about the specification as it is now, and every replica is of it. */
export function isSettled(deployment: DeploymentObject): boolean {
  const { status = {} } = deployment;
  const wanted = desiredReplicas(deployment);
  const counts = [status.replicas, status.updatedReplicas, status.readyReplicas];
  return isSeen(deployment) && counts.every((count = 0) => count === wanted);
}

/** Never ready by what was said of an earlier generation. */
export function deploymentState(deployment: DeploymentObject): StatusState {
  const { status = {} } = deployment;
  const wanted = desiredReplicas(deployment);
  if (wanted === 0) return (status.replicas ?? 0) === 0 ? 'stopped' : 'scaling';
  if (isSettled(deployment)) return 'running';
  if (isSeen(deployment) && stuck(deployment)) return (status.readyReplicas ?? 0) > 0 ? 'degraded' : 'failed';
  return (status.readyReplicas ?? 0) === 0 ? 'pending' : 'scaling';
}

/** As the API shows it. */
export function viewDeployment(deployment: DeploymentObject, services: readonly Service[]): ServerView {
  const { metadata, status = {} } = deployment;
  const state = deploymentState(deployment);
  const problem = stuck(deployment);
  const endpoints: Endpoint[] = servicesFor(deployment, services).flatMap(endpointsOf);
  const conditions = (status.conditions ?? []).map(toConditionView);
  const lastActivity = newest(conditions);
  return {
    name: metadata.name ?? '',
    id: metadata.uid ?? '',
    revision: String(metadata.generation ?? 0),
    labels: metadata.labels ?? {},
    managed: false,
    status: {
      state,
      reason: problem?.reason ?? REASON[state],
      message: problem?.message ?? `${metadata.name} is ${state}`,
      ...(problem && { hint: `Look at its pods: kubectl describe deployment ${metadata.name}.` }),
      replicas: {
        desired: desiredReplicas(deployment),
        ready: status.readyReplicas ?? 0,
        available: status.availableReplicas ?? 0,
        updated: status.updatedReplicas ?? 0,
      },
      health: state === 'running' ? 'healthy' : problem ? 'unhealthy' : 'unknown',
      sessions: 0,
      processes: 0,
      phases: [],
      endpoints,
      conditions,
      createdAt: metadata.creationTimestamp ?? '',
      ...(lastActivity !== undefined && { lastActivity }),
    },
  };
}

const REASON: Readonly<Record<StatusState, string>> = {
  stopped: 'ScaledToZero',
  pending: 'WaitingForReplicas',
  starting: 'Starting',
  running: 'Ready',
  scaling: 'Scaling',
  degraded: 'Degraded',
  failed: 'Failed',
  unknown: 'Unknown',
};

function isSeen({ metadata, status }: DeploymentObject): boolean {
  return (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
}

/** The condition that says that it does not go on by itself. */
function stuck({ status }: DeploymentObject): DeploymentCondition | undefined {
  return status?.conditions?.find(
    ({ type, status, reason }) =>
      (type === 'Progressing' && status === 'False' && reason !== 'DeploymentPaused') ||
      (type === 'ReplicaFailure' && status === 'True'),
  );
}

function toConditionView({
  type,
  status,
  reason,
  message,
  lastUpdateTime,
}: DeploymentCondition): ConditionView {
  return {
    type,
    status,
    reason: reason ?? '',
    message: message ?? '',
    ...(lastUpdateTime !== undefined && { lastUpdate: lastUpdateTime }),
  };
}

/** No traffic is seen of what Berth did not make: when something about it last changed. */
function newest(conditions: readonly ConditionView[]): string | undefined {
  return conditions
    .flatMap(({ lastUpdate }) => lastUpdate ?? [])
    .sort((a, b) => Date.parse(b) - Date.parse(a))[0];
}
