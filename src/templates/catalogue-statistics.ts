/** Counts over the catalogue. */
import { type Template, typeOf } from './template.ts';
import { verificationOf } from './template-check.ts';
import { toolsOf } from './template-tools.ts';

type Counts = Readonly<Record<string, number>>;

export interface CatalogueStatistics {
  readonly templates: number;
  readonly custom: number;
  readonly verified: number;
  /** Tools of all templates together. */
  readonly tools: number;
  readonly types: Counts;
  readonly transports: Counts;
  readonly tiers: Counts;
  readonly statuses: Counts;
  readonly categories: Counts;
}

export function statisticsOf(templates: readonly Template[]): CatalogueStatistics {
  const counts = (keys: (template: Template) => readonly string[]): Counts =>
    Object.fromEntries(countBy(templates, keys).map(({ name, count }) => [name, count]));
  return {
    templates: templates.length,
    custom: templates.filter(({ custom }) => custom !== undefined).length,
    verified: templates.filter((template) => verificationOf(template).verified).length,
    tools: templates.reduce((sum, template) => sum + toolsOf(template).length, 0),
    types: counts((template) => [typeOf(template)]),
    transports: counts(transportsOf),
    tiers: counts(({ extras }) => [extras.tier]),
    statuses: counts(({ extras }) => [extras.status]),
    categories: counts(({ extras }) => [extras.category]),
  };
}

/** How many templates have each key, by the name of the key. */
export function countBy(
  templates: readonly Template[],
  keys: (template: Template) => readonly string[],
): { name: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const template of templates)
    for (const key of new Set(keys(template))) counts.set(key, (counts.get(key) ?? 0) + 1);
  return [...counts].map(([name, count]) => ({ name, count })).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function transportsOf({ document: { packages = [], remotes = [] } }: Template): string[] {
  return [...packages.map(({ transport }) => transport.type), ...remotes.map(({ type }) => type)];
}
