/** Search of a registry of MCP servers (its API v0.1). */
import type { AnswerCache } from './answer-cache.ts';
import type { Found, Provider, ProviderAnswer, Query } from './found.ts';
import { mcpVerdict } from './mcp-verdict.ts';
import { asObject, optional, text, webAddress } from './npm-document.ts';
import { textPoints } from './rank.ts';
import { below, RegistryReader } from './registry-reader.ts';

const MAX_BYTES = 16 * 1024 * 1024;
const PAGE_SIZE = 100;
const OFFICIAL = 'io.modelcontextprotocol.registry/official';

export interface McpRegistryInput {
  readonly name: string;
  readonly url: URL;
  readonly deadline: number;
  readonly cache: AnswerCache;
}

type Json = Readonly<Record<string, unknown>>;

export function createMcpRegistryProvider({ name, url, deadline, cache }: McpRegistryInput): Provider {
  const reader = new RegistryReader({ label: `the MCP registry ${url.host}`, options: {}, cache });
  return {
    name,
    deadline,
    capabilities: () => ({ search: true }),
    async ask(query, { signal, refresh }): Promise<ProviderAnswer> {
      if (query.qualifiers.size > 0)
        return { found: [], state: 'unsupported', message: 'it has no qualifiers' };
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
        found: pages.flatMap(({ value }) => value ?? []).filter((found) => matches(query, found)),
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
  return below(base.pathname.endsWith('/') ? base : new URL(`${base.href}/`), `v0.1/servers?${query}`);
}

function matches(query: Query, found: Found): boolean {
  return textPoints(query, found) > 0 || found.package?.name === query.exact?.name;
}

function readServers({ body }: { readonly body: Buffer }): Found[] {
  const servers = asObject(JSON.parse(body.toString('utf8')))?.servers;
  if (!Array.isArray(servers)) throw new Error('has no servers');
  return (servers as readonly unknown[]).flatMap((entry) => {
    const outer = asObject(entry) ?? {};
    const server = asObject(outer.server) ?? outer;
    const official = asObject(asObject(outer._meta)?.[OFFICIAL]) ?? {};
    return official.status === 'deleted' ? [] : toFound(server, official);
  });
}

function toFound(server: Json, official: Json): Found[] {
  const registryName = text(server.name, 200);
  if (registryName === undefined) return [];
  const shared = {
    title: text(server.title) ?? registryName,
    description: text(server.description) ?? '',
    registryName,
    ...optional('updated', text(official.updatedAt)),
    ...(official.status === 'deprecated' && { deprecated: text(official.statusMessage) ?? 'deprecated' }),
  };
  const listed = { listedBy: 'an MCP registry' };
  const packages = list(server.packages).flatMap((one): Found[] => {
    const { registryType: ecosystem, identifier, version } = asObject(one) ?? {};
    const name = text(identifier, 214);
    if ((ecosystem !== 'npm' && ecosystem !== 'pypi') || name === undefined) return [];
    return [
      {
        ...shared,
        kind: 'package',
        reference: `${ecosystem}:${name}`,
        package: { ecosystem, name, ...optional('version', text(version)) },
        mcp: mcpVerdict({ ecosystem, name, ...listed }),
      },
    ];
  });
  if (packages.length > 0) return packages.slice(0, 1);
  const remote = list(server.remotes)
    .map(asObject)
    .find((one) => webAddress(one?.url) !== undefined);
  const url = webAddress(remote?.url);
  if (url === undefined) return [];
  const type = text(remote?.type) ?? 'streamable-http';
  const mcp = mcpVerdict({ ecosystem: 'npm', name: registryName, ...listed });
  return [{ ...shared, kind: 'remote', reference: url, remote: { url, type }, mcp }];
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
