/** Writes statuses: at once when the state changes, else at most every ten seconds, and never what is there already. */
import type { McpServer, McpServerStatus } from '../cluster/mcp-server.ts';
import { MCP_SERVERS } from '../cluster/resources.ts';
import { type ClusterApi, MANAGER } from './cluster-api.ts';
import { unknownMembers, withoutMembers } from './older-definition.ts';

/** Milliseconds between two writes of one server whose state is the same. */
export const WRITE_EVERY = 10_000;
/** Milliseconds for which what the cluster's definition does not know is left out: an upgrade of it is noticed. */
const LEFT_OUT_FOR = 10 * 60_000;

export interface StatusWriterOptions {
  readonly api: Pick<ClusterApi, 'apply'>;
  /** Milliseconds. */
  readonly now: () => number;
  /** The cluster's definition of MCPServer is older: statuses are written without these members. */
  readonly onOlder: (members: readonly string[]) => void;
}

export class StatusWriter {
  readonly #api: StatusWriterOptions['api'];
  readonly #now: StatusWriterOptions['now'];
  readonly #onOlder: StatusWriterOptions['onOlder'];
  #leftOut: { readonly members: readonly string[]; readonly until: number } | undefined;
  readonly #written = new Map<string, Written>();

  constructor({ api, now, onOlder }: StatusWriterOptions) {
    this.#api = api;
    this.#now = now;
    this.#onOlder = onOlder;
  }

  /** What the newest write said, which the resource may not show yet; undefined when somebody has written something else since. */
  last(server: McpServer): McpServerStatus | undefined {
    return this.#before(server)?.status;
  }

  #before(server: McpServer): Written | undefined {
    const before = this.#written.get(server.metadata.uid ?? '');
    return before && isOverwritten(server, before) ? undefined : before;
  }

  /** Milliseconds after which what was held back may be written. */
  async write(server: McpServer, status: McpServerStatus): Promise<number | undefined> {
    const { uid = '', name = '', namespace = '' } = server.metadata;
    const before = this.#before(server);
    const known = before?.status ?? server.status;
    if (known && canonical(known) === canonical(status)) return undefined;
    const wait = before ? before.at + WRITE_EVERY - this.#now() : 0;
    if (known && wait > 0 && essence(known) === essence(status)) return wait;
    const version = await this.#apply({ name, namespace }, status);
    this.#written.set(uid, { at: this.#now(), status, version });
    return undefined;
  }

  /** The version of the resource that has it. */
  async #apply(
    metadata: { name: string; namespace: string },
    status: McpServerStatus,
  ): Promise<number | undefined> {
    const apply = async (leftOut: readonly string[]): Promise<number | undefined> =>
      versionOf(
        await this.#api.apply<McpServer>(
          MCP_SERVERS,
          { metadata, status: withoutMembers(status, leftOut) } as McpServer,
          { manager: MANAGER, force: true, subresource: 'status' },
        ),
      );
    const known = this.#leftOut && this.#leftOut.until > this.#now() ? this.#leftOut.members : [];
    try {
      return await apply(known);
    } catch (thrown) {
      const unknown = unknownMembers(thrown);
      if (unknown.length === 0) throw thrown;
      const members = [...known, ...unknown];
      const version = await apply(members);
      this.#leftOut = { members, until: this.#now() + LEFT_OUT_FOR };
      this.#onOlder(members);
      return version;
    }
  }

  /** Forgets all others: they are gone. */
  keepOnly(servers: readonly McpServer[]): void {
    const there = new Set(servers.map(({ metadata }) => metadata.uid));
    for (const uid of this.#written.keys()) if (!there.has(uid)) this.#written.delete(uid);
  }
}

interface Written {
  /** Milliseconds. */
  readonly at: number;
  readonly status: McpServerStatus;
  readonly version: number | undefined;
}

/** A leader of before, whose write came late, or a person: what is shown is newer than what was written here, and says something else. */
function isOverwritten(server: McpServer, { status, version }: Written): boolean {
  const seen = versionOf(server);
  if (version === undefined || seen === undefined || seen < version) return false;
  return (['state', 'reason', 'message'] as const).some(
    (member) => server.status?.[member] !== status[member],
  );
}

function versionOf(server: Pick<McpServer, 'metadata'> | undefined): number | undefined {
  const version = Number(server?.metadata?.resourceVersion);
  return Number.isSafeInteger(version) ? version : undefined;
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
