/** Full-text search over templates, ranked. Made when it is first asked for, and anew after a change. */
import { toTerms } from './search-words.ts';
import type { Template } from './template.ts';
import { verificationOf } from './template-check.ts';
import { toolsOf } from './template-tools.ts';
import { TextIndex } from './text-index.ts';

export interface FoundTemplate {
  readonly template: Template;
  /** Only for comparing hits of one query. */
  readonly score: number;
}

const BOOST = { slug: 6, title: 5, tags: 4, packages: 3, description: 2, category: 2, tools: 0.5 };
type Field = keyof typeof BOOST;
/** Of what a word means, beside the word itself. */
const MEANT_WEIGHT = 0.6;
/** Of what is out of use. */
const OUT_OF_USE = 0.4;
const VERIFIED = 1.15;
const EXACT = 1_000;
const MAX_QUERY = 300;

interface Made {
  /** By slug. */
  readonly templates: readonly Template[];
  /** By place in {@link templates}. */
  readonly weights: readonly number[];
  readonly text: TextIndex<Field>;
  /** Places of those with this slug or a package of this name, in lower case. */
  readonly named: ReadonlyMap<string, readonly number[]>;
}

export class TemplateIndex {
  readonly #source: () => Iterable<Template>;
  #made: Made | undefined;
  #packages: ReadonlyMap<string, Template> | undefined;

  constructor(source: () => Iterable<Template>) {
    this.#source = source;
  }

  /** Told of every change of the source. */
  forget(): void {
    this.#made = undefined;
    this.#packages = undefined;
  }

  search(query: string): FoundTemplate[] {
    const { templates, weights, text, named } = this.#make();
    const { said, meant } = toTerms(query.slice(0, MAX_QUERY));
    if (said.length + meant.length === 0) return [];
    const scores = text.search(said);
    const byMeaning = text.search(meant);
    const found: number[] = [];
    for (let place = 0; place < templates.length; place += 1) {
      const fit = (scores[place] ?? 0) + MEANT_WEIGHT * (byMeaning[place] ?? 0);
      if (fit > 0) found.push(place);
      scores[place] = fit * (weights[place] ?? 1);
    }
    for (const place of named.get(query.trim().toLowerCase()) ?? [])
      if (scores[place]) scores[place] += EXACT;
    // Stable: of equal ones the slug decides.
    found.sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0));
    return found.map((place) => ({ template: templates[place] as Template, score: scores[place] ?? 0 }));
  }

  /** The template that runs this package. */
  byPackage(name: string): Template | undefined {
    this.#packages ??= new Map(
      [...this.#source()]
        .reverse()
        .flatMap((template) =>
          (template.document.packages ?? []).map(({ identifier }) => [identifier, template] as const),
        ),
    );
    return this.#packages.get(name);
  }

  #make(): Made {
    if (this.#made) return this.#made;
    const templates = [...this.#source()].sort((a, b) => (a.slug < b.slug ? -1 : 1));
    const text = new TextIndex(templates.map(fieldsOf), BOOST);
    this.#made = { templates, weights: templates.map(weightOf), text, named: placesByName(templates) };
    return this.#made;
  }
}

function fieldsOf(template: Template): Record<Field, string> {
  const { slug, document, extras } = template;
  const tools = toolsOf(template);
  return {
    slug,
    title: document.title ?? '',
    tags: extras.tags.join(' '),
    packages: [...(document.packages ?? []).map(({ identifier }) => identifier), ...extras.replaces].join(
      ' ',
    ),
    description: document.description,
    category: extras.category,
    tools: tools.map(({ name, description = '' }) => `${name} ${description}`).join(' '),
  };
}

function weightOf(template: Template): number {
  const inUse = template.extras.status === 'active' ? 1 : OUT_OF_USE;
  return inUse * (verificationOf(template).verified ? VERIFIED : 1);
}

function placesByName(templates: readonly Template[]): Map<string, number[]> {
  const places = new Map<string, number[]>();
  for (const [place, { slug, document }] of templates.entries()) {
    const packages = (document.packages ?? []).map(({ identifier }) => identifier.toLowerCase());
    for (const name of new Set([slug, ...packages])) places.set(name, [...(places.get(name) ?? []), place]);
  }
  return places;
}
