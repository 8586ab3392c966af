/** Warns of names that look like a well-known server's and are not: what a hurried eye takes for another. */
import type { Ecosystem } from '../packages/package.ts';
import { normalisePypiName } from '../packages/package-source.ts';
import type { KnownPackage, KnownPackages } from './known-packages.ts';
import type { SimilarName } from './package-info.ts';
import { tokens } from './query.ts';

/** A name of fewer letters is part of too many others. */
const MIN_CONTAINED_CHARS = 8;
/** Letters that look like others. */
const LOOKALIKES: readonly (readonly [RegExp, string])[] = [
  [/0/g, 'o'],
  [/[1|]/g, 'l'],
  [/rn/g, 'm'],
  [/vv/g, 'w'],
];

/** Nothing for a package that a template runs itself. */
export function similarNames(ecosystem: Ecosystem, name: string, known: KnownPackages): SimilarName[] {
  if (known.templateOf(ecosystem, name) !== undefined) return [];
  return known.all.flatMap((one) => {
    const why = likeness(ecosystem, name, one);
    return why === undefined ? [] : [{ ...one, why }];
  });
}

function likeness(ecosystem: Ecosystem, name: string, known: KnownPackage): string | undefined {
  const [scope, base] = splitScope(name);
  const [knownScope, knownBase] = splitScope(known.name);
  // One publisher's names may well be alike.
  if (scope !== undefined && scope === knownScope) return undefined;
  if (isGeneric(knownBase)) return wholeLikeness(name, known.name);
  const a = squeeze(base);
  const b = squeeze(knownBase);
  if (base === knownBase && scope !== knownScope) return 'the same name in another scope';
  if (normalisePypiName(base) === normalisePypiName(known.name) && ecosystem !== known.ecosystem)
    return `the same name on ${known.ecosystem}`;
  if (a === b) return 'it looks the same';
  if (sortedTokens(base) === sortedTokens(knownBase)) return 'the same words in another order';
  if (within(a, b, a.length >= 9 && b.length >= 9 ? 2 : 1)) return 'a letter or two differ';
  if (contains(tokens(base), tokens(knownBase)) && b.length >= MIN_CONTAINED_CHARS)
    return 'the whole name is part of it';
  return undefined;
}

/** `@acme/mcp-server`: only the scope says whose it is, so only whole names can look alike. */
function isGeneric(base: string): boolean {
  return tokens(base).every((token) => token === 'mcp' || token === 'server');
}

function wholeLikeness(name: string, known: string): string | undefined {
  const [a, b] = [squeeze(name.toLowerCase()), squeeze(known.toLowerCase())];
  if (a === b) return 'it looks the same';
  return within(a, b, 1) ? 'a letter or two differ' : undefined;
}

function splitScope(name: string): [string | undefined, string] {
  const slash = name.indexOf('/');
  return slash === -1
    ? [undefined, name.toLowerCase()]
    : [name.slice(0, slash), name.slice(slash + 1).toLowerCase()];
}

function squeeze(name: string): string {
  return LOOKALIKES.reduce((text, [from, to]) => text.replace(from, to), name.replace(/[^a-z0-9]/g, ''));
}

function sortedTokens(name: string): string {
  return tokens(name).sort().join(' ');
}

function contains(all: readonly string[], part: readonly string[]): boolean {
  if (part.length < 2 || part.length >= all.length) return false;
  return ` ${all.join(' ')} `.includes(` ${part.join(' ')} `);
}

/** At most so many letters inserted, removed, replaced or swapped; short names are not compared. */
function within(a: string, b: string, most: number): boolean {
  if (Math.abs(a.length - b.length) > most || Math.min(a.length, b.length) < 5) return false;
  let [before, row]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, column) => column)];
  for (let line = 1; line <= a.length; line++) {
    const next = [line];
    for (let column = 1; column <= b.length; column++) {
      const cost = a[line - 1] === b[column - 1] ? 0 : 1;
      let least = Math.min(
        (row[column - 1] ?? 0) + cost,
        (row[column] ?? 0) + 1,
        (next[column - 1] ?? 0) + 1,
      );
      const swapped = a[line - 1] === b[column - 2] && a[line - 2] === b[column - 1];
      if (line > 1 && column > 1 && swapped) least = Math.min(least, (before[column - 2] ?? 0) + 1);
      next.push(least);
    }
    [before, row] = [row, next];
  }
  return (row[b.length] ?? 0) <= most;
}
