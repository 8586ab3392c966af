/** The list of an MCP registry (its API v0.1), entry by entry. */
import type { Found, Query } from './found.ts';
import { mcpVerdict } from './mcp-verdict.ts';
import { asObject, optional, text, webAddress } from './npm-document.ts';
import { textPoints } from './rank.ts';
import { below } from './registry-reader.ts';

const OFFICIAL = 'io.modelcontextprotocol.registry/official';

/** One entry: a server in one version. */
export interface RegistryItem {
  readonly name: string;
  readonly deleted: boolean;
  /** False for an older version; a registry that does not say has one entry for each server. */
  readonly latest: boolean;
  /** What of it can be run here; nothing for other kinds of packages. */
  readonly found: Found | undefined;
}

export interface RegistryPage {
  readonly items: readonly RegistryItem[];
  /** Absent on the last page. */
  readonly nextCursor: string | undefined;
}

type Json = Readonly<Record<string, unknown>>;

/** The list of a registry, wherever its address ends. */
export function serversUrl(base: URL, query: URLSearchParams): URL {
  return below(base.pathname.endsWith('/') ? base : new URL(`${base.href}/`), `v0.1/servers?${query}`);
}

/** Throws for a document that is no such list. */
export function readRegistryPage(body: Buffer): RegistryPage {
  const document = asObject(JSON.parse(body.toString('utf8')));
  const servers = document?.servers;
  if (!Array.isArray(servers)) throw new Error('has no servers');
  const items = (servers as readonly unknown[]).flatMap(toItem);
  const next = asObject(document?.metadata)?.nextCursor;
  return { items, nextCursor: typeof next === 'string' && next !== '' ? next : undefined };
}

/** Whether it is what was searched for. */
export function fits(query: Query, found: Found): boolean {
  const name = query.exact?.name;
  return textPoints(query, found) > 0 || (name !== undefined && found.package?.name === name);
}

function toItem(entry: unknown): RegistryItem[] {
  const outer = asObject(entry) ?? {};
  const server = asObject(outer.server) ?? outer;
  const official = asObject(asObject(outer._meta)?.[OFFICIAL]) ?? {};
  const name = text(server.name, 200);
  if (name === undefined) return [];
  return [
    {
      name,
      deleted: official.status === 'deleted',
      latest: official.isLatest !== false,
      found: toFound(name, server, official),
    },
  ];
}

function toFound(registryName: string, server: Json, official: Json): Found | undefined {
  const shared = {
    title: text(server.title) ?? registryName,
    description: text(server.description) ?? '',
    registryName,
    ...optional('updated', text(official.updatedAt)),
    ...(official.status === 'deprecated' && { deprecated: text(official.statusMessage) ?? 'deprecated' }),
  };
  return packageOf(shared, server) ?? remoteOf(shared, server);
}

const LISTED = { listedBy: 'an MCP registry' };
type Shared = Pick<Found, 'title' | 'description' | 'registryName' | 'updated' | 'deprecated'> & {
  readonly registryName: string;
};

function packageOf(shared: Shared, server: Json): Found | undefined {
  for (const one of list(server.packages)) {
    const { registryType: ecosystem, identifier, version } = asObject(one) ?? {};
    const name = text(identifier, 214);
    if ((ecosystem !== 'npm' && ecosystem !== 'pypi') || name === undefined) continue;
    return {
      ...shared,
      kind: 'package',
      reference: `${ecosystem}:${name}`,
      package: { ecosystem, name, ...optional('version', text(version)) },
      mcp: mcpVerdict({ ecosystem, name, ...LISTED }),
    };
  }
  return undefined;
}

function remoteOf(shared: Shared, server: Json): Found | undefined {
  const remote = list(server.remotes)
    .map(asObject)
    .find((one) => webAddress(one?.url) !== undefined);
  const url = webAddress(remote?.url);
  if (url === undefined) return undefined;
  const type = text(remote?.type) ?? 'streamable-http';
  const mcp = mcpVerdict({ ecosystem: 'npm', name: shared.registryName, ...LISTED });
  return { ...shared, kind: 'remote', reference: url, remote: { url, type }, mcp };
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
