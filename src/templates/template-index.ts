/** Full-text search over templates, ranked. Made when it is first asked for, and anew after a change. */
import MiniSearch, { type SearchResult } from 'minisearch';
import { tokenize, toTerm, toTerms } from './search-words.ts';
import type { Template } from './template.ts';
import { verificationOf } from './template-check.ts';
import { toolsOf } from './template-tools.ts';

export interface FoundTemplate {
  readonly template: Template;
  /** Only for comparing hits of one query. */
  readonly score: number;
}

interface Entry {
  readonly id: number;
  readonly slug: string;
  readonly title: string;
  readonly tags: string;
  readonly packages: string;
  readonly description: string;
  readonly category: string;
  readonly tools: string;
}

const BOOST = { slug: 6, title: 5, tags: 4, packages: 3, description: 2, category: 2, tools: 0.5 };
/** Of what a word means, beside the word itself. */
const MEANT_WEIGHT = 0.6;
/** Of what is out of use. */
const OUT_OF_USE = 0.4;
const VERIFIED = 1.15;
const EXACT = 1_000;
/** Characters from which on a term is completed, and from which on one wrong letter is forgiven. */
const PREFIX_FROM = 3;
const FUZZY_FROM = 5;
const FUZZY = 0.2;
const MAX_QUERY = 300;
const ENOUGH = 50;

interface Made {
  readonly templates: readonly Template[];
  /** By place in {@link templates}. */
  readonly weights: readonly number[];
  readonly text: MiniSearch<Entry>;
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
    const { templates, weights, text } = this.#make();
    const { said, meant } = toTerms(query.slice(0, MAX_QUERY));
    if (said.length + meant.length === 0) return [];
    const scores = new Map<number, number>();
    const add = (terms: readonly string[], weight: number) => {
      if (terms.length === 0) return;
      for (const { id, score } of hits(text, terms)) {
        scores.set(id, (scores.get(id) ?? 0) + score * weight);
      }
    };
    add(said, 1);
    add(meant, MEANT_WEIGHT);
    const exact = query.trim().toLowerCase();
    const found = [...scores].flatMap(([id, score]) => {
      const template = templates[id];
      return template ? [{ template, score: score * (weights[id] ?? 1) + bonus(template, exact) }] : [];
    });
    return found.sort((a, b) => b.score - a.score || (a.template.slug < b.template.slug ? -1 : 1));
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
    const templates = [...this.#source()];
    const text = new MiniSearch<Entry>({
      fields: Object.keys(BOOST),
      tokenize,
      processTerm: toTerm,
      searchOptions: {
        boost: BOOST,
        prefix: (term) => term.length >= PREFIX_FROM,
        fuzzy: (term) => (term.length >= FUZZY_FROM ? FUZZY : false),
        weights: { prefix: 0.3, fuzzy: 0.2 },
      },
    });
    text.addAll(templates.map(toEntry));
    this.#made = { templates, weights: templates.map(weightOf), text };
    return this.#made;
  }
}

/** Those with every term when there are enough of them; what has only some of the terms is not worth ranking then. */
function hits(text: MiniSearch<Entry>, terms: readonly string[]): SearchResult[] {
  const query = terms.join(' ');
  const all = terms.length > 1 ? text.search(query, { combineWith: 'AND' }) : [];
  return all.length >= ENOUGH ? all : text.search(query);
}

function toEntry(template: Template, id: number): Entry {
  const { slug, document, extras } = template;
  const tools = toolsOf(template);
  return {
    id,
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

function bonus({ slug, document }: Template, exact: string): number {
  const isNamed =
    slug === exact || document.packages?.some(({ identifier }) => identifier.toLowerCase() === exact);
  return isNamed ? EXACT : 0;
}
