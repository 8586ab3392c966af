/** What an MCPServer and its replicas say together: the state that clients and operators are told. */
import { BerthError, type StartPhase } from '../../errors.ts';
import { isAsleep } from '../asleep.ts';
import type { McpServer, McpServerState } from '../mcp-server.ts';

const PHASES: ReadonlySet<string> = new Set<StartPhase>(['resolve', 'install', 'spawn', 'handshake', 'run']);
const DEFAULT_REPLICAS = 1;

/** How many replicas are wanted just now. */
export function desiredOf(resource: McpServer): number {
  const { metadata, spec } = resource;
  if (metadata.deletionTimestamp !== undefined || spec.suspend === true || isAsleep(resource)) return 0;
  return spec.replicas ?? DEFAULT_REPLICAS;
}

/** Whether its status is about the specification as it is now, and not about an older one. */
export function isObserved({ metadata, status }: McpServer): boolean {
  return status !== undefined && status.observedGeneration >= (metadata.generation ?? 0);
}

/** The state in the controller's words, or what must be so while it has not looked yet. */
export function stateOf(resource: McpServer): McpServerState {
  const { metadata, spec, status } = resource;
  if (metadata.deletionTimestamp !== undefined) return status?.replicas ? 'scaling' : 'stopped';
  if (status && isObserved(resource)) return status.state;
  if (spec.suspend === true) return status?.replicas ? 'scaling' : 'stopped';
  return status?.replicas ? 'scaling' : 'pending';
}

/** Why it did not start, as far as its status is about now. */
export function failureOf(resource: McpServer): BerthError | undefined {
  const { status } = resource;
  if (!status || stateOf(resource) !== 'failed') return undefined;
  const { message, hint, phase, failure } = status;
  const { code = 'start-failed', ...details } = failure ?? {};
  return new BerthError(code, message, {
    ...details,
    ...(isPhase(phase) && { phase }),
    ...(hint !== undefined && { hint }),
  });
}

/** One of our phases; a status may name any. */
export function isPhase(phase: string | undefined): phase is StartPhase {
  return phase !== undefined && PHASES.has(phase);
}
