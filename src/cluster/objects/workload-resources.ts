/** What the container of a server's own program asks for and may use. */
import { readQuantity } from '../../supervisor/resource-limits.ts';
import type { Resources } from '../mcp-server.ts';

type Quantities = NonNullable<Resources['requests']>;

/**
 * Requests and limits that the server has none of are the defaults, changed where those would contradict what it has: the API server
 * takes no request above its limit. What the server says stands as it is.
 */
export function workloadResources({ requests, limits }: Resources, defaults: Resources): Resources {
  const asked = requests ?? adapt(defaults.requests, limits, (own, limit) => own > limit);
  const most = limits ?? adapt(defaults.limits, requests, (own, request) => own < request);
  return { ...(asked && { requests: asked }), ...(most && { limits: most }) };
}

/** `defaults`, with the other side's quantity for each that contradicts it. */
function adapt(
  defaults: Quantities | undefined,
  others: Quantities | undefined,
  contradicts: (own: number, other: number) => boolean,
): Quantities | undefined {
  if (!defaults || !others) return defaults;
  const adapted = Object.entries(defaults).map(([name, own]) => {
    const other = others[name as keyof Quantities];
    const [mine, theirs] = [own, other].map((text) => readQuantity(text ?? ''));
    const isContrary = mine !== undefined && theirs !== undefined && contradicts(mine, theirs);
    return [name, isContrary ? other : own];
  });
  return Object.fromEntries(adapted) as Quantities;
}
