/** Search of a registry of MCP servers (its API v0.1). */
import type { AnswerCache } from './answer-cache.ts';
import type { Found, Provider, ProviderAnswer, Query } from './found.ts';
import type { RegistryMirror } from './mirror/registry-mirror.ts';
import { fits, readRegistryPage, serversUrl } from './registry-items.ts';
import { type RegistryDocument, RegistryReader } from './registry-reader.ts';

const MAX_BYTES = 16 * 1024 * 1024;
const PAGE_SIZE = 100;

export interface McpRegistryInput {
  readonly name: string;
  readonly url: URL;
  readonly deadline: number;
  readonly cache: AnswerCache;
  /** Searched instead, once it is whole. */
  readonly mirror?: RegistryMirror;
}

export function createMcpRegistryProvider({
  name,
  url,
  deadline,
  cache,
  mirror,
}: McpRegistryInput): Provider {
  const reader = new RegistryReader({ label: `the MCP registry ${url.host}`, options: {}, cache });
  return {
    name,
    deadline,
    capabilities: () => ({ search: true }),
    async ask(query, { signal, refresh, limit }): Promise<ProviderAnswer> {
      if (query.qualifiers.size > 0)
        return { found: [], state: 'unsupported', message: 'it has no qualifiers' };
      const kept = refresh ? undefined : await mirror?.find(query, limit);
      if (kept) return kept;
      const texts = searchTexts(query);
      const how = { signal, refresh, timeout: deadline };
      const pages = await Promise.all(
        texts.map((search) =>
          reader.ask(pageUrl(url, search), { how, maxBytes: MAX_BYTES, read: readServers }),
        ),
      );
      if (pages.every((page) => page.value === undefined))
        return { found: [], state: 'unsupported', message: `${reader.label} has no /v0.1/servers` };
      const stale = pages.find((page) => page.stale !== undefined)?.stale;
      return {
        // Its search takes a part of a name; what else it sends along is sorted out here.
        found: pages.flatMap(({ value }) => value ?? []).filter((found) => fits(query, found)),
        ageMs: Math.max(...pages.map(({ ageMs }) => ageMs)),
        ...(stale !== undefined && { stale }),
      };
    },
  };
}

/** A part of a name at a time: the registry knows no list of words. */
function searchTexts({ words, exact }: Query): string[] {
  if (exact !== undefined && words.length > 1) return [exact.name, ...words].slice(0, 4);
  return words.length === 0 ? [''] : words.slice(0, 4);
}

function pageUrl(base: URL, search: string): URL {
  const query = new URLSearchParams({ version: 'latest', limit: String(PAGE_SIZE) });
  if (search !== '') query.set('search', search);
  return serversUrl(base, query);
}

function readServers({ body }: RegistryDocument): Found[] {
  return readRegistryPage(body).items.flatMap(({ deleted, found }) => (deleted || !found ? [] : [found]));
}
