/** How much a server was used, by the day, from what its replicas have counted since they began. */
import type { McpServerStatus, StatusUsage } from '../cluster/mcp-server.ts';
import { addUsage, isUnused, NO_USAGE, type Usage } from '../servers/usage.ts';
import type { Replica } from './replica-probe.ts';

/** Days that are kept, today included. */
export const KEPT_DAYS = 31;
const COUNTS = Object.keys(NO_USAGE) as (keyof Usage)[];

/**
 * Adds what is new to the day it is. What is included already stands beside the days, in the same object, so that nothing is
 * counted twice by another leader or after a write that failed.
 */
export function usageOf(
  replicas: readonly Replica[],
  before: McpServerStatus['usage'],
  now: number,
): StatusUsage | undefined {
  const included = before?.replicas ?? [];
  const seen = replicas.map(({ pod, report }) => {
    const { uid: podUid = '' } = pod.metadata;
    const old = included.find((one) => one.pod === podUid);
    const told = report?.usage;
    // One that is silent may speak again, with counts that are in the days already.
    if (!told) return { entry: old, added: NO_USAGE };
    const base = old?.run === told.run ? old : undefined;
    const counts = countsOf(told);
    return { entry: { pod: podUid, run: told.run, ...counts }, added: less(counts, base) };
  });
  const entries = seen.flatMap(({ entry }) => (entry ? [entry] : []));
  const added = seen.map((one) => one.added).reduce(addUsage, NO_USAGE);
  const days = withToday(before?.days ?? [], added, new Date(now).toISOString().slice(0, 10));
  return days.length > 0 || entries.length > 0 ? { days, replicas: entries } : undefined;
}

function countsOf(given: Usage): Usage {
  return Object.fromEntries(COUNTS.map((name) => [name, given[name]])) as unknown as Usage;
}

/** Counts of a run only grow. */
function less(counts: Usage, base: Usage = NO_USAGE): Usage {
  const rest = COUNTS.map((name) => [name, Math.max(0, counts[name] - base[name])]);
  return Object.fromEntries(rest) as unknown as Usage;
}

function withToday(days: StatusUsage['days'], added: Usage, today: string): StatusUsage['days'] {
  if (isUnused(added)) return days;
  const known = days.find(({ day }) => day === today);
  const others = days.filter(({ day }) => day !== today);
  const { day: _day, ...counts } = known ?? { day: today, ...NO_USAGE };
  return [{ day: today, ...addUsage(counts, added) }, ...others].slice(0, KEPT_DAYS);
}
