/** One list of what all providers found, in which the same server stands once. */
import type { Found, McpVerdict, Query, Result } from './found.ts';
import { type KnownPackages, packageKey } from './known-packages.ts';
import { points } from './rank.ts';

const WEIGHT = { template: 2, remote: 1, package: 0 } as const;
const CERTAINTY = { yes: 2, likely: 1, unknown: 0 } as const;

/** What one provider found. */
export interface Finding {
  readonly provider: string;
  readonly found: readonly Found[];
}

/** Best first. What the catalogue knows of a package (that it is outdated, by what) is added. */
export function mergeFindings(query: Query, findings: readonly Finding[], known: KnownPackages): Result[] {
  const groups = new Map<string, { result: Result; readonly keys: Set<string> }>();
  for (const { provider, found } of findings) {
    for (const one of found) {
      const keys = new Set(keysOf(one));
      let result: Result = { ...one, providers: [provider] };
      // One finding may show that two others, which had nothing in common, are the same.
      for (const group of new Set([...keys].flatMap((key) => groups.get(key) ?? []))) {
        result = join(group.result, result);
        for (const key of group.keys) keys.add(key);
      }
      const group = { result, keys };
      for (const key of keys) groups.set(key, group);
    }
  }
  return [...new Set(groups.values())]
    .map(({ result }) => result)
    .map((one) => withSuccessor(one, known))
    .map((one) => ({ one, points: points(query, one) }))
    .sort((a, b) => b.points - a.points || compareText(a.one.reference, b.one.reference))
    .map(({ one }) => one);
}

/** Everything by which two findings are the same server. */
function keysOf({ package: found, registryName, remote, template }: Found): string[] {
  return [
    ...(found === undefined ? [] : [packageKey(found.ecosystem, found.name)]),
    ...(registryName === undefined ? [] : [`name:${registryName}`]),
    ...(remote === undefined ? [] : [`url:${remote.url}`]),
    ...(template === undefined ? [] : [`template:${template}`]),
  ];
}

/** The one that says more leads; the other fills in what it lacks. */
function join(before: Result, next: Result): Result {
  const [first, second] = WEIGHT[next.kind] > WEIGHT[before.kind] ? [next, before] : [before, next];
  const providers = [...new Set([...before.providers, ...next.providers])];
  const filled = { ...second, ...first, providers };
  return {
    ...filled,
    description: first.description === '' ? second.description : first.description,
    mcp: joinVerdicts(first.mcp, second.mcp),
    ...((first.keywords ?? second.keywords) && {
      keywords: [...new Set([...(first.keywords ?? []), ...(second.keywords ?? [])])],
    }),
    ...((first.maintainers?.length ?? 0) === 0 && second.maintainers && { maintainers: second.maintainers }),
  };
}

function joinVerdicts(a: McpVerdict, b: McpVerdict): McpVerdict {
  const verdict = CERTAINTY[b.verdict] > CERTAINTY[a.verdict] ? b.verdict : a.verdict;
  return { verdict, reasons: [...new Set([...a.reasons, ...b.reasons])] };
}

function withSuccessor(one: Result, known: KnownPackages): Result {
  if (one.package === undefined || one.template !== undefined) return one;
  const successor = known.successorOf(one.package.ecosystem, one.package.name);
  if (successor === undefined) return one;
  return {
    ...one,
    replacedBy: successor,
    deprecated: one.deprecated ?? `use the template ${successor} instead`,
  };
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
