/** The answer of an npm registry's search, of which registries fill different parts. */
import { asObject, optional, people, text, textList } from './npm-document.ts';

export interface SearchHit {
  readonly name: string;
  readonly version?: string;
  readonly description?: string;
  readonly keywords: readonly string[];
  readonly maintainers: readonly string[];
  readonly publisher?: string;
  /** Of the last month. */
  readonly downloads?: number;
  readonly updated?: string;
}

export interface SearchPage {
  readonly hits: readonly SearchHit[];
  readonly total?: number;
}

/** Throws when it is no such answer. */
export function readSearchPage(page: string): SearchPage {
  const json = asObject(JSON.parse(page));
  if (!Array.isArray(json?.objects)) throw new Error('has no objects');
  const total = json.total;
  return {
    hits: (json.objects as readonly unknown[]).flatMap(toHit),
    ...(typeof total === 'number' && { total }),
  };
}

function toHit(object: unknown): SearchHit[] {
  const outer = asObject(object) ?? {};
  const found = asObject(outer.package) ?? {};
  const name = text(found.name, 214);
  if (name === undefined) return [];
  const monthly = asObject(outer.downloads)?.monthly;
  const version = text(found.version) ?? text(asObject(found['dist-tags'])?.latest);
  return [
    {
      name,
      keywords: textList(found.keywords),
      maintainers: people(found.maintainers),
      ...optional('version', version),
      ...optional('description', text(found.description)),
      ...optional('publisher', people([found.publisher])[0]),
      ...optional('downloads', typeof monthly === 'number' ? monthly : undefined),
      ...optional('updated', text(found.date) ?? text(asObject(found.time)?.modified)),
    },
  ];
}
