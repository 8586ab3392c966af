/** Search of one npm registry. */

import type { Kept } from './answer-cache.ts';
import type { AskOptions, Found, Provider, ProviderAnswer, Query } from './found.ts';
import { mcpVerdict } from './mcp-verdict.ts';
import { optional } from './npm-document.ts';
import type { NpmRegistryReader } from './npm-registry.ts';
import type { SearchHit, SearchPage } from './npm-search-page.ts';

/** As many as the public registry gives at most. */
const MAX_SIZE = 250;
/** Fewer hits than this: a registry that wants all words in one place is asked for each alone. */
const FEW = 5;
const MAX_WORDS = 4;
const BROWSE_TEXT = 'keywords:mcp,mcp-server,modelcontextprotocol';

export interface NpmProviderInput {
  readonly name: string;
  readonly reader: NpmRegistryReader;
  readonly deadline: number;
  /** Scopes that come from this registry; empty for the default one. */
  readonly scopes: readonly string[];
}

export function createNpmProvider({ name, reader, deadline, scopes }: NpmProviderInput): Provider {
  return {
    name,
    deadline,
    capabilities: () => ({ ...reader.capabilities }),
    async ask(query, options): Promise<ProviderAnswer> {
      if (query.qualifiers.has('classifier'))
        return { found: [], state: 'unsupported', message: 'npm has no classifiers' };
      const ask = (texts: readonly string[]) => askAll(reader, texts, { ...options, deadline });
      const pages = await ask(searchTexts(query, scopes));
      if (pages.every(({ value }) => value === undefined))
        return { found: [], state: 'unsupported', message: `${reader.label} has no search` };
      if (countHits(pages) < FEW && query.words.length > 1 && query.qualifiers.size === 0)
        pages.push(...(await ask(query.words.slice(0, MAX_WORDS))));
      const answered = pages.filter((page): page is Kept<SearchPage> => page.value !== undefined);
      const hits = unique(answered.flatMap(({ value }) => value.hits)).filter((hit) => satisfies(hit, query));
      const stale = answered.find((page) => page.stale !== undefined)?.stale;
      return {
        found: hits.map(toFound),
        ageMs: Math.max(...answered.map(({ ageMs }) => ageMs)),
        ...(stale !== undefined && { stale }),
      };
    },
  };
}

/** As typed, and with the kind of thing that is looked for: some registries want all words, others any. */
function searchTexts({ text, words, qualifiers }: Query, scopes: readonly string[]): string[] {
  if (text === '') return scopes.length > 0 ? [...scopes] : [BROWSE_TEXT, 'mcp'];
  if (qualifiers.size > 0) return [text];
  const meant = words.join(' ');
  return [meant, `${meant} mcp server`];
}

async function askAll(
  reader: NpmRegistryReader,
  texts: readonly string[],
  { signal, refresh, limit, deadline }: AskOptions & { readonly deadline: number },
): Promise<Kept<SearchPage | undefined>[]> {
  const size = Math.min(MAX_SIZE, Math.max(20, limit));
  return await Promise.all(
    texts.map((text) => reader.search(text, size, { signal, refresh, timeout: deadline })),
  );
}

function countHits(pages: readonly Kept<SearchPage | undefined>[]): number {
  return unique(pages.flatMap(({ value }) => value?.hits ?? [])).length;
}

function unique(hits: readonly SearchHit[]): SearchHit[] {
  return [...new Map(hits.map((hit) => [hit.name, hit])).values()];
}

/** Registries that do not know a qualifier ignore it: what is known to be otherwise is left out here. */
function satisfies(hit: SearchHit, { qualifiers }: Query): boolean {
  const maintainer = qualifiers.get('maintainer');
  const everybody = [...hit.maintainers, ...(hit.publisher === undefined ? [] : [hit.publisher])];
  if (maintainer !== undefined && everybody.length > 0 && !everybody.includes(maintainer)) return false;
  const scope = qualifiers.get('scope');
  if (scope !== undefined && !hit.name.startsWith(`@${scope.replace(/^@/, '')}/`)) return false;
  const keywords = qualifiers
    .get('keywords')
    ?.split(/[,+]/)
    .map((word) => word.replace(/^-/, ''));
  return (
    keywords === undefined ||
    hit.keywords.length === 0 ||
    keywords.some((word) => hit.keywords.includes(word))
  );
}

function toFound(hit: SearchHit): Found {
  const { name, version, description, keywords, maintainers } = hit;
  return {
    kind: 'package',
    reference: `npm:${name}`,
    title: name,
    description: description ?? '',
    package: { ecosystem: 'npm', name, ...optional('version', version) },
    mcp: mcpVerdict({ ecosystem: 'npm', name, description, keywords }),
    keywords,
    maintainers: maintainers.length > 0 || hit.publisher === undefined ? maintainers : [hit.publisher],
    ...optional('downloads', hit.downloads),
    ...optional('updated', hit.updated),
  };
}
