/** An MCPServer as the API shows it. */
import { ownLabels } from '../../servers/labels.ts';
import { endpointsOf, type ServerStatus, type ServerView } from '../../servers/server-view.ts';
import type { McpServer, McpServerState, McpServerStatus } from '../mcp-server.ts';
import { RESTARTED_AT } from '../objects/deployment.ts';
import { toServerSpec } from '../server-convert.ts';
import { desiredOf, isObserved, isPhase, stateOf } from './resource-state.ts';

/** `publicUrl`: base of every URL, from the settings and never from a Host header. */
export function viewResource(resource: McpServer, publicUrl: string): ServerView {
  const { metadata, spec } = resource;
  const name = metadata.name ?? '';
  const labels = ownLabels(metadata.labels);
  return {
    name,
    id: metadata.uid ?? '',
    revision: revisionOf(resource),
    labels,
    spec: toServerSpec(name, spec, labels),
    status: viewStatus(resource, endpointsOf(name, publicUrl)),
  };
}

/** Its generation; a restart makes no new one, and counts all the same. */
export function revisionOf({ metadata }: McpServer): string {
  const { generation = 0, annotations = {} } = metadata;
  const restartedAt = Date.parse(annotations[RESTARTED_AT] ?? '');
  return Number.isNaN(restartedAt) ? `${generation}` : `${generation}-${restartedAt.toString(36)}`;
}

const REASON: Readonly<Record<McpServerState, string>> = {
  stopped: 'Stopped',
  pending: 'WaitingForController',
  starting: 'Starting',
  running: 'Ready',
  scaling: 'Scaling',
  degraded: 'Degraded',
  failed: 'StartFailed',
  unknown: 'Unknown',
};

function viewStatus(resource: McpServer, endpoints: ServerStatus['endpoints']): ServerStatus {
  const { metadata, status } = resource;
  const state = stateOf(resource);
  const told = isObserved(resource) ? status : undefined;
  return {
    state,
    reason: told?.reason ?? REASON[state],
    message: told?.message ?? asked(resource, state),
    ...(told?.hint !== undefined && { hint: told.hint }),
    ...(told && isUnwell(state) && { failure: failureOf(told) }),
    replicas: {
      desired: desiredOf(resource),
      ready: status?.readyReplicas ?? 0,
      available: status?.availableReplicas ?? 0,
      updated: status?.updatedReplicas ?? 0,
    },
    health: state === 'running' ? 'healthy' : isUnwell(state) ? 'unhealthy' : 'unknown',
    sessions: status?.sessions ?? 0,
    processes: status?.processes ?? 0,
    ...(status?.capacity && { capacity: status.capacity }),
    ...(status?.lastCheck && { lastCheck: { ...status.lastCheck, at: iso(status.lastCheck.at) } }),
    ...(status && viewReport(status)),
    phases: [],
    endpoints,
    conditions: (status?.conditions ?? []).map(({ type, status, reason, message, lastTransitionTime }) => ({
      type,
      status,
      reason,
      message,
      lastUpdate: lastTransitionTime,
    })),
    createdAt: iso(metadata.creationTimestamp ?? ''),
    ...(status?.startedAt !== undefined && { startedAt: iso(status.startedAt) }),
    ...(status?.lastActivity !== undefined && { lastActivity: iso(status.lastActivity) }),
  };
}

/** Before the controller has looked at it: what it was asked for. */
function asked(resource: McpServer, state: McpServerState): string {
  const { name = '' } = resource.metadata;
  const replicas = desiredOf(resource);
  if (state === 'stopped') return `${name} is stopped`;
  if (state !== 'scaling') return `${name} waits for the controller`;
  return replicas === 0
    ? `${name} is being stopped`
    : `${name} is being changed to ${replicas} replica${replicas === 1 ? '' : 's'}`;
}

function viewReport({
  eras,
  era,
  protocolVersion,
  serverInfo,
  tools,
  capabilities,
  dependencies,
  package: found,
}: McpServerStatus): Partial<ServerStatus> {
  return {
    ...(eras && { eras }),
    ...(era && { era }),
    ...(protocolVersion !== undefined && { protocolVersion }),
    ...(serverInfo && { serverInfo }),
    ...(tools && { tools }),
    ...(capabilities && { capabilities }),
    ...(dependencies && { dependencies }),
    ...(found && { package: found }),
  };
}

function failureOf(status: McpServerStatus): NonNullable<ServerStatus['failure']> {
  const { message, hint, phase, failure } = status;
  return {
    code: 'start-failed',
    ...failure,
    message,
    ...(isPhase(phase) && { phase }),
    ...(hint !== undefined && { hint }),
  };
}

function isUnwell(state: McpServerState): boolean {
  return state === 'failed' || state === 'degraded';
}

/** Kubernetes leaves milliseconds out. */
function iso(text: string): string {
  const at = Date.parse(text);
  return Number.isNaN(at) ? text : new Date(at).toISOString();
}
