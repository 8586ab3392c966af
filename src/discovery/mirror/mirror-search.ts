/** Search in a mirror: every entry is looked at, quickly; only those that promise most are looked at closely. */
import type { Found, Query } from '../found.ts';
import { stemOf, textPoints } from '../rank.ts';
import { fits } from '../registry-items.ts';

/** An entry, with what is searched in it. */
export interface MirroredServer {
  readonly found: Found;
  readonly name: string;
  /** Everything that words are looked for in. */
  readonly text: string;
}

/** Entries that are weighed word by word. */
const CLOSELY = 1_000;
/** Entries between two pauses for the rest of the program. */
const SLICE = 2_000;
/** A word in the name says more than one in the description. */
const IN_NAME = 3;
const IN_TEXT = 1;

export function toMirrored(found: Found): MirroredServer {
  const { package: named, reference, title, description } = found;
  const name = `${named?.name ?? reference} ${title}`.toLowerCase();
  return { found, name, text: description.toLowerCase() };
}

/** What fits best, best first. */
export async function findBest(
  query: Query,
  entries: readonly MirroredServer[],
  limit: number,
): Promise<Found[]> {
  if (query.words.length === 0) return entries.slice(0, limit).map(({ found }) => found);
  const promising = await mostPromising(query, entries);
  return promising
    .filter((found) => fits(query, found))
    .map((found) => ({ found, points: textPoints(query, found) }))
    .sort((a, b) => b.points - a.points)
    .slice(0, limit)
    .map(({ found }) => found);
}

/** Whatever fits a word has its stem in it: most entries are passed over at a glance. */
async function mostPromising(query: Query, entries: readonly MirroredServer[]): Promise<Found[]> {
  const stems = query.words.map(stemOf);
  const exact = query.exact?.name;
  const highest = stems.length * IN_NAME + 1;
  const byPoints: Found[][] = Array.from({ length: highest + 1 }, () => []);
  for (const [at, { found, name, text }] of entries.entries()) {
    if (at % SLICE === SLICE - 1) await new Promise((resolve) => setImmediate(resolve));
    let points = exact !== undefined && found.package?.name === exact ? highest : 0;
    if (points === 0)
      for (const stem of stems) points += name.includes(stem) ? IN_NAME : text.includes(stem) ? IN_TEXT : 0;
    if (points > 0) byPoints[points]?.push(found);
  }
  return byPoints.reverse().flat().slice(0, CLOSELY);
}
