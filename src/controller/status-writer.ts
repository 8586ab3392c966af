/** Writes statuses: at once when the state changes, else at most every ten seconds, and never what is there already. */
import type { McpServer, McpServerStatus } from '../cluster/mcp-server.ts';
import { MCP_SERVERS } from '../cluster/resources.ts';
import { type ClusterApi, MANAGER } from './cluster-api.ts';

/** Milliseconds between two writes of one server whose state is the same. */
export const WRITE_EVERY = 10_000;

export class StatusWriter {
  readonly #api: Pick<ClusterApi, 'apply'>;
  readonly #now: () => number;
  readonly #written = new Map<string, { readonly at: number; readonly status: McpServerStatus }>();

  constructor(api: Pick<ClusterApi, 'apply'>, now: () => number) {
    this.#api = api;
    this.#now = now;
  }

  /** What the newest write said, which the resource may not show yet. */
  last({ metadata: { uid = '' } }: McpServer): McpServerStatus | undefined {
    return this.#written.get(uid)?.status;
  }

  /** Milliseconds after which what was held back may be written. */
  async write(server: McpServer, status: McpServerStatus): Promise<number | undefined> {
    const { uid = '', name = '', namespace = '' } = server.metadata;
    const before = this.#written.get(uid);
    const known = before?.status ?? server.status;
    if (known && canonical(known) === canonical(status)) return undefined;
    const wait = before ? before.at + WRITE_EVERY - this.#now() : 0;
    if (known && wait > 0 && essence(known) === essence(status)) return wait;
    const object = { metadata: { name, namespace }, status };
    await this.#api.apply(MCP_SERVERS, object, { manager: MANAGER, force: true, subresource: 'status' });
    this.#written.set(uid, { at: this.#now(), status });
    return undefined;
  }

  /** Forgets all others: they are gone. */
  keepOnly(servers: readonly McpServer[]): void {
    const there = new Set(servers.map(({ metadata }) => metadata.uid));
    for (const uid of this.#written.keys()) if (!there.has(uid)) this.#written.delete(uid);
  }
}

/** What is told at once: counts, times of activity and checks that came through can wait. */
function essence(status: McpServerStatus): string {
  const { lastCheck, ...others } = status;
  const {
    sessions: _sessions,
    processes: _processes,
    lastActivity: _active,
    usage: _usage,
    ...rest
  } = others;
  return canonical({ ...rest, failures: lastCheck?.failures ?? 0 });
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
