/** Which of the things that were found comes first. The order of registries is not used: they rank by what cannot be seen. */
import type { Found, Query } from './found.ts';
import { tokens } from './query.ts';

const VERDICT_POINTS = { yes: 30, likely: 15, unknown: 0 } as const;

/** Points; 0 when none of the words is in it. */
export function textPoints(query: Query, found: Found): number {
  if (query.words.length === 0) return 1;
  const name = found.package?.name ?? found.template ?? found.reference;
  const fields: readonly (readonly [readonly string[], number])[] = [
    [tokens(name), 10],
    [tokens(found.title), 8],
    [[...(found.keywords ?? []), found.category ?? ''].flatMap(tokens), 6],
    [tokens(found.description), 4],
  ];
  const perWord = query.words.map((word) =>
    Math.max(0, ...fields.map(([words, points]) => wordPoints(word, words) * points)),
  );
  const matched = perWord.filter((points) => points > 0).length;
  if (matched === 0) return 0;
  const sum = perWord.reduce((total, points) => total + points, 0);
  // All of the words is worth more than much of one.
  return (sum / query.words.length) * (matched / query.words.length);
}

function wordPoints(word: string, words: readonly string[]): number {
  if (words.includes(word)) return 1;
  const stem = stemOf(word);
  if (words.some((other) => stemOf(other) === stem)) return 0.9;
  if (word.length >= 3 && words.some((other) => other.startsWith(word))) return 0.6;
  return word.length >= 4 && words.some((other) => other.includes(word)) ? 0.4 : 0;
}

/** Enough for `searches`, `searching` and `search`. */
export function stemOf(word: string): string {
  return word.length <= 4 ? word.replace(/s$/, '') : word.replace(/(?:ing|es|ed|s)$/, '');
}

/** At most 100. */
function fitPoints(query: Query, found: Found): number {
  const byWords = textPoints(query, found) * 10;
  return found.relevance === undefined ? byWords : 100 * found.relevance;
}

/** Highest first. */
export function points(query: Query, found: Found): number {
  const typed = query.exact?.name.toLowerCase();
  const names = [found.package?.name, found.template, found.registryName, found.reference];
  const isExact = typed !== undefined && names.some((name) => name?.toLowerCase() === typed);
  return (
    fitPoints(query, found) +
    (isExact ? 200 : 0) +
    VERDICT_POINTS[found.mcp.verdict] +
    (found.template === undefined ? 0 : 40) +
    (found.registryName === undefined ? 0 : 10) +
    Math.min(20, Math.log10((found.downloads ?? 0) + 1) * 4) -
    (found.deprecated === undefined ? 0 : 40)
  );
}
