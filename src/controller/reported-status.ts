/** What the replicas of a server say, as one. */
import type { McpServerStatus } from '../cluster/mcp-server.ts';
import { rfc3339 } from './conditions.ts';
import { type Replica, type ReplicaReport, sessionsOf } from './replica-probe.ts';

type Reported = Pick<
  McpServerStatus,
  | 'sessions'
  | 'processes'
  | 'lastCheck'
  | 'eras'
  | 'era'
  | 'protocolVersion'
  | 'serverInfo'
  | 'tools'
  | 'capabilities'
  | 'lastActivity'
>;

/** Revisions from here on are of the modern era. */
const MODERN = '2026-07-28';
/** The schema of the resource takes as many. */
const MOST_TOOLS = 2_048;
const LONGEST_NAME = 256;

/** What no replica says just now is as it was said before. */
export function reportedStatus(replicas: readonly Replica[], before: McpServerStatus | undefined): Reported {
  const reports = replicas.flatMap(({ report }) => (report ? [report] : []));
  // Without anybody who asks, how many there are is not known, and none is claimed.
  const known = reports.length > 0 || before?.sessions !== undefined;
  const sessions = known ? (sessionsOf(replicas) ?? before?.sessions) : undefined;
  const active = Math.max(
    ...reports.map(({ lastActivity = 0 }) => lastActivity),
    Date.parse(before?.lastActivity ?? '') || 0,
  );
  // The newest version is the one that new sessions meet.
  const told = reports.findLast(({ protocolVersion }) => protocolVersion !== undefined);
  return {
    ...(told ? handshakeOf(told) : keptOf(before)),
    ...(sessions !== undefined && { sessions }),
    ...processesOf(reports),
    ...lastCheckOf(reports, before),
    ...(active > 0 && { lastActivity: rfc3339(active) }),
  };
}

function processesOf(reports: readonly ReplicaReport[]): Reported {
  const counts = reports.flatMap(({ processes }) => (processes === undefined ? [] : [processes]));
  return counts.length > 0 ? { processes: counts.reduce((sum, count) => sum + count, 0) } : {};
}

function lastCheckOf(reports: readonly ReplicaReport[], before: McpServerStatus | undefined): Reported {
  const checks = reports.flatMap(({ check }) => (check ? [check] : []));
  const [worst] = checks.sort((a, b) => b.failures - a.failures || b.at - a.at);
  if (!worst) return before?.lastCheck ? { lastCheck: before.lastCheck } : {};
  return { lastCheck: { at: rfc3339(worst.at), ms: worst.ms, failures: worst.failures } };
}

function handshakeOf(report: ReplicaReport): Reported {
  const { protocolVersion = '', eras, serverInfo, tools, capabilities } = report;
  return {
    protocolVersion,
    era: protocolVersion >= MODERN ? 'modern' : 'legacy',
    ...(eras && { eras }),
    ...(serverInfo && { serverInfo }),
    ...(tools && { tools: tools.slice(0, MOST_TOOLS) }),
    ...(capabilities && { capabilities: capabilities.map((name) => name.slice(0, LONGEST_NAME)) }),
  };
}

function keptOf(before: McpServerStatus | undefined): Reported {
  const { eras, era, protocolVersion, serverInfo, tools, capabilities } = before ?? {};
  return {
    ...(eras && { eras }),
    ...(era && { era }),
    ...(protocolVersion !== undefined && { protocolVersion }),
    ...(serverInfo && { serverInfo }),
    ...(tools && { tools }),
    ...(capabilities && { capabilities }),
  };
}
