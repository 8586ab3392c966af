/** Events of servers, as `kubectl describe` shows them: one for each change of state, and the same thing said again is counted. */
import { createHash } from 'node:crypto';
import type { McpServer, McpServerStatus } from '../cluster/mcp-server.ts';
import { apiVersionOf, EVENTS, type KubeObject, MCP_SERVERS } from '../cluster/resources.ts';
import { toBerthError } from '../errors.ts';
import type { ClusterApi } from './cluster-api.ts';
import { cutText } from './cut-text.ts';

/** Milliseconds in which the same thing is not said twice. */
const SAY_AGAIN_AFTER = 5 * 60_000;
/** Bytes of a note; the API server refuses a longer one. */
const MOST_NOTE = 1_024;
const BAD_STATES: ReadonlySet<string> = new Set(['failed', 'degraded']);

interface Said {
  readonly at: number;
  readonly count: number;
}

export interface EventRecorderOptions {
  readonly api: Pick<ClusterApi, 'create' | 'patch'>;
  /** Of this run of the controller. */
  readonly instance: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #said = new Map<string, Said>();

  constructor(options: EventRecorderOptions) {
    this.#options = options;
  }

  /** Tells when the state or its reason is another one than before. */
  async changed(
    server: McpServer,
    before: McpServerStatus | undefined,
    status: McpServerStatus,
  ): Promise<void> {
    if (before?.state === status.state && before.reason === status.reason) return;
    const last = status.failure?.stderr?.at(-1);
    const words = last === undefined ? '' : `: ${last}`;
    const hint = status.hint === undefined ? '' : ` — ${status.hint}`;
    await this.#say(server, {
      type: BAD_STATES.has(status.state) ? 'Warning' : 'Normal',
      reason: status.reason,
      note: cutText(`${status.message}${words}${hint}`, MOST_NOTE),
    });
  }

  async #say(
    server: McpServer,
    said: { readonly type: string; readonly reason: string; readonly note: string },
  ): Promise<void> {
    const { now, api } = this.#options;
    const name = nameOf(server, said);
    const before = this.#said.get(name);
    if (before && now() - before.at < SAY_AGAIN_AFTER) return;
    this.#said.set(name, { at: now(), count: (before?.count ?? 0) + 1 });
    this.#forgetOld();
    try {
      await api.create(EVENTS, this.#event(server, name, said));
    } catch (thrown) {
      if (toBerthError(thrown).code !== 'conflict') throw thrown;
      await this.#countOn(server, name);
    }
  }

  async #countOn({ metadata: { namespace } }: McpServer, name: string): Promise<void> {
    const { api, now } = this.#options;
    const count = Math.max(2, this.#said.get(name)?.count ?? 2);
    const series = { count, lastObservedTime: micro(now()) };
    await api.patch(EVENTS, { namespace, name }, { patch: { series } });
  }

  #event(server: McpServer, name: string, said: object): KubeObject {
    const { namespace, uid, resourceVersion, name: serverName } = server.metadata;
    return {
      metadata: { name, ...(namespace !== undefined && { namespace }) },
      eventTime: micro(this.#options.now()),
      reportingController: 'berth.dev/controller',
      reportingInstance: this.#options.instance,
      action: 'Reconcile',
      regarding: {
        apiVersion: apiVersionOf(MCP_SERVERS),
        kind: MCP_SERVERS.kind,
        name: serverName,
        namespace,
        uid,
        resourceVersion,
      },
      ...said,
    } as KubeObject;
  }

  #forgetOld(): void {
    const oldest = this.#options.now() - SAY_AGAIN_AFTER * 12;
    for (const [name, { at }] of this.#said) if (at < oldest) this.#said.delete(name);
  }
}

/** The same words about the same server have the same name, whoever says them. */
function nameOf(
  { metadata: { name = '', uid = '' } }: McpServer,
  { reason, note }: { reason: string; note: string },
): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([uid, reason, note]))
    .digest('hex')
    .slice(0, 16);
  return `${name}.${hash}`;
}

/** RFC 3339 with microseconds, as an Event wants it. */
function micro(at: number): string {
  return new Date(at).toISOString().replace('Z', '000Z');
}
