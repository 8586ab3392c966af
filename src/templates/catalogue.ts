/** The catalogue: what can be run by its name, looked up in every way that people and programs ask for it. */
import { BerthError } from '../errors.ts';
import { type CatalogueStatistics, countBy, statisticsOf } from './catalogue-statistics.ts';
import { comparePlaces, placeOf } from './registry-entry.ts';
import { type CatalogueFile, EMPTY_CATALOGUE_FILE, type Rename, renameText } from './renames.ts';
import type { Template } from './template.ts';
import { hasCapability, isWanted, type TemplateFilter } from './template-filter.ts';
import { type FoundTemplate, TemplateIndex } from './template-index.ts';

export { loadCatalogue } from './load-catalogue.ts';

export interface TemplateProblem {
  /** Folder of the bad template. */
  readonly slug: string;
  readonly error: BerthError;
}

export interface Category {
  readonly name: string;
  readonly count: number;
}

const MOST_SIMILAR = 5;

export class TemplateCatalogue {
  /** Templates that could not be read; the others are served all the same. */
  readonly problems: readonly TemplateProblem[];
  readonly #bySlug: Map<string, Template>;
  readonly #file: CatalogueFile;
  readonly #index: TemplateIndex;
  /** What is worked out of all templates, until one changes. */
  #sorted: readonly Template[] | undefined;
  #categories: readonly Category[] | undefined;
  #registry: readonly Template[] | undefined;

  constructor(
    templates: readonly Template[],
    problems: readonly TemplateProblem[] = [],
    file: CatalogueFile = EMPTY_CATALOGUE_FILE,
  ) {
    this.problems = problems;
    this.#file = file;
    this.#bySlug = new Map(templates.map((template) => [template.slug, template]));
    this.#index = new TemplateIndex(() => this.#bySlug.values());
  }

  get size(): number {
    return this.#bySlug.size;
  }

  /** By slug; all of them without a filter. */
  list(filter?: TemplateFilter): Template[] {
    this.#sorted ??= [...this.#bySlug.values()].sort((a, b) => (a.slug < b.slug ? -1 : 1));
    return filter ? this.#sorted.filter((template) => isWanted(template, filter)) : [...this.#sorted];
  }

  find(slug: string): Template | undefined {
    return this.#bySlug.get(slug);
  }

  /** Like {@link find}; throws `not-found` that names the templates with a similar name. */
  get(slug: string): Template {
    const template = this.#bySlug.get(slug);
    if (template) return template;
    const similar = this.#similar(slug);
    throw new BerthError('not-found', `there is no template ${JSON.stringify(slug)}`, {
      hint: `${similar.length > 0 ? `Did you mean ${similar.join(' or ')}? ` : ''}All templates: berth catalog list. A package is npm:${slug} or pypi:${slug}.`,
    });
  }

  #similar(slug: string): string[] {
    const parts = [...this.#bySlug.keys()].filter((other) => other.includes(slug) || slug.includes(other));
    const found = parts.length > 0 ? parts.sort() : this.search(slug).map(({ template }) => template.slug);
    return found.slice(0, MOST_SIMILAR);
  }

  /** Best first, each once; nothing for a query without a word that says anything. */
  search(query: string, filter: TemplateFilter = {}): FoundTemplate[] {
    return this.#index.search(query).filter(({ template }) => isWanted(template, filter));
  }

  /** The template that runs a package, or that succeeds it. */
  findByPackage(name: string): Template | undefined {
    const runs = this.#index.byPackage(name);
    if (runs) return runs;
    const [successor] = this.findRename(name)?.use ?? [];
    if (successor !== undefined) return this.#bySlug.get(successor);
    return this.list().find((template) => template.extras.replaces.includes(name));
  }

  /** What became of a package that lists still carry. */
  findRename(name: string): Rename | undefined {
    return this.#file.renames.find((rename) => rename.name === name);
  }

  get renames(): readonly Rename[] {
    return this.#file.renames;
  }

  /** In words; undefined for a package that nothing has taken the place of. */
  renameText(name: string): string | undefined {
    const rename = this.findRename(name);
    return rename && renameText(rename);
  }

  /** Templates that offer a tool of this name, or one whose name holds it as a word. */
  findByCapability(name: string): Template[] {
    return this.list().filter((template) => hasCapability(template, name));
  }

  categories(): readonly Category[] {
    this.#categories ??= countBy(this.list(), ({ extras }) => [extras.category]);
    return this.#categories;
  }

  /** In the order of an MCP registry. */
  inRegistryOrder(): readonly Template[] {
    this.#registry ??= this.list().sort((a, b) => comparePlaces(placeOf(a), placeOf(b)));
    return this.#registry;
  }

  /** The most asked for first; the order is the maintainers'. */
  popular(limit: number): Template[] {
    const first = this.#file.popular.flatMap((slug) => this.#bySlug.get(slug) ?? []);
    const known = new Set(first);
    const rest = this.list({ status: 'active' }).filter((template) => !known.has(template));
    return [...first, ...rest].slice(0, limit);
  }

  statistics(): CatalogueStatistics {
    return statisticsOf(this.list());
  }

  /** Adds a template or takes the place of the one with its slug. */
  put(template: Template): void {
    this.#bySlug.set(template.slug, template);
    this.#changed();
  }

  /** True when it was there. */
  remove(slug: string): boolean {
    const was = this.#bySlug.delete(slug);
    if (was) this.#changed();
    return was;
  }

  #changed(): void {
    this.#sorted = undefined;
    this.#categories = undefined;
    this.#registry = undefined;
    this.#index.forget();
  }
}
