/** What a server needs of other servers: whether it is there, and what is missing in words. */
import { isAsleep } from '../cluster/asleep.ts';
import type { Dependency, McpServer, McpServerStatus } from '../cluster/mcp-server.ts';
import { isInRange } from '../packages/version-range.ts';
import type { Problem } from './problem.ts';

/** One dependency, looked at. */
export interface Need {
  readonly name: string;
  readonly met: boolean;
  readonly optional: boolean;
  /** What is missing. */
  readonly why?: string;
}

export type FindServer = (name: string) => McpServer | undefined;

export function needsOf({ spec }: McpServer, find: FindServer): Need[] {
  return (spec.dependencies ?? []).map((wanted) => {
    const why = missing(wanted, find(wanted.name));
    return {
      name: wanted.name,
      met: why === undefined,
      optional: wanted.optional === true,
      ...(why !== undefined && { why }),
    };
  });
}

/** Those without which the server is not started. */
export function unmet(needs: readonly Need[]): Need[] {
  return needs.filter(({ met, optional }) => !met && !optional);
}

/** Why a server waits; undefined where it need not. Servers that wait for each other would do so for ever. */
export function needsProblem(
  server: McpServer,
  needs: readonly Need[],
  find: FindServer,
): Problem | undefined {
  const waitsFor = unmet(needs);
  if (waitsFor.length === 0) return undefined;
  const { name = '' } = server.metadata;
  const circle = circleFrom(name, find);
  const names = waitsFor.map((one) => one.name).join(', ');
  if (circle)
    return {
      reason: 'DependencyCycle',
      message: `${circle.join(' waits for ')}: none of them can be first`,
      hint: 'Make one of these dependencies optional.',
      phase: 'plan',
      waits: false,
    };
  return {
    reason: 'WaitingForDependencies',
    message: `${name} waits for ${waitsFor.map(({ why }) => why).join('; ')}`,
    hint: `Start what is missing (${names}), or make it optional in spec.dependencies.`,
    phase: 'plan',
    waits: true,
  };
}

/** A server that sleeps counts: a call wakes it. */
function missing(
  { name, version, tools = [] }: Dependency,
  found: McpServer | undefined,
): string | undefined {
  if (!found) return `${name}, which is not there`;
  const { status } = found;
  const runs =
    status?.state === 'running' || status?.state === 'degraded' || (status?.readyReplicas ?? 0) > 0;
  if (!status || !(runs || (isAsleep(found) && status.protocolVersion !== undefined)))
    return `${name}, which is ${status?.state ?? 'pending'}`;
  const absent = tools.filter((tool) => !status.tools?.includes(tool));
  if (absent.length > 0) return `${name}, which does not offer ${absent.join(', ')}`;
  const has = versionOf(status);
  if (version !== undefined && !isInRange(has, version))
    return `${name} ${version}, which is ${has.version === '' ? 'of an unknown version' : has.version}`;
  return undefined;
}

interface Version {
  readonly ecosystem: string;
  readonly version: string;
}

/** Of its package, or what it says of itself. */
function versionOf({ package: found, serverInfo }: McpServerStatus): Version {
  return found ?? { ecosystem: '', version: serverInfo?.version ?? '' };
}

/** The way from a server through what it needs back to itself; undefined where there is none. */
function circleFrom(name: string, find: FindServer): string[] | undefined {
  const seen = new Set<string>();
  const walk = (at: string, way: readonly string[]): string[] | undefined => {
    if (at === name && way.length > 0) return [...way, at];
    if (seen.has(at)) return undefined;
    seen.add(at);
    for (const next of requiredOf(find(at))) {
      const found = walk(next, [...way, at]);
      if (found) return found;
    }
    return undefined;
  };
  return walk(name, []);
}

function requiredOf(server: McpServer | undefined): string[] {
  return (server?.spec.dependencies ?? []).filter(({ optional }) => !optional).map(({ name }) => name);
}
