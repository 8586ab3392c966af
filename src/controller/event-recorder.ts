/** Events of servers, as `kubectl describe` shows them: one for each change of state, and the same thing said again is counted. */
import { createHash } from 'node:crypto';
import type { McpServer, McpServerStatus } from '../cluster/mcp-server.ts';
import { apiVersionOf, EVENTS, type KubeObject, MCP_SERVERS, type Resource } from '../cluster/resources.ts';
import { type BerthError, toBerthError } from '../errors.ts';
import { lastWords } from '../log/last-words.ts';
import type { ClusterApi } from './cluster-api.ts';
import { cutText } from './cut-text.ts';
import type { Problem } from './problem.ts';

/** Milliseconds in which the same thing is not said twice. */
const SAY_AGAIN_AFTER = 5 * 60_000;
/** Bytes of a note; the API server refuses a longer one. */
const MOST_NOTE = 1_024;
const BAD_STATES: ReadonlySet<string> = new Set(['failed', 'degraded']);

interface Said {
  readonly at: number;
  readonly count: number;
}

/** What an Event is about. */
interface Subject {
  readonly kind: Resource;
  readonly object: KubeObject;
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
    const last = lastWords(status.failure?.stderr ?? []);
    const words = last === undefined ? '' : `: ${last}`;
    const hint = status.hint === undefined ? '' : ` — ${status.hint}`;
    await this.#say(
      { kind: MCP_SERVERS, object: server },
      {
        type: BAD_STATES.has(status.state) ? 'Warning' : 'Normal',
        reason: status.reason,
        note: cutText(`${status.message}${words}${hint}`, MOST_NOTE),
      },
    );
  }

  /** Tells why a replica, which had sessions of its own, is gone. */
  async lost(server: McpServer, replica: string, { reason, message, hint }: Problem): Promise<void> {
    const note = cutText(
      `replica ${replica} was lost with its sessions (${reason}): ${message.trim()} — ${hint}`,
      MOST_NOTE,
    );
    await this.#say({ kind: MCP_SERVERS, object: server }, { type: 'Warning', reason: 'ReplicaLost', note });
  }

  /** Tells what is wrong with an object that has no status. */
  async refused(subject: Subject, reason: string, { message, details }: BerthError): Promise<void> {
    const hint = details.hint === undefined ? '' : ` — ${details.hint}`;
    await this.#say(subject, { type: 'Warning', reason, note: cutText(`${message}${hint}`, MOST_NOTE) });
  }

  async #say(
    subject: Subject,
    said: { readonly type: string; readonly reason: string; readonly note: string },
  ): Promise<void> {
    const { now, api } = this.#options;
    const name = nameOf(subject.object, said);
    const before = this.#said.get(name);
    if (before && now() - before.at < SAY_AGAIN_AFTER) return;
    this.#said.set(name, { at: now(), count: (before?.count ?? 0) + 1 });
    this.#forgetOld();
    try {
      await api.create(EVENTS, this.#event(subject, name, said));
    } catch (thrown) {
      if (toBerthError(thrown).code !== 'conflict') throw thrown;
      await this.#countOn(subject.object, name);
    }
  }

  async #countOn({ metadata: { namespace } }: KubeObject, name: string): Promise<void> {
    const { api, now } = this.#options;
    const count = Math.max(2, this.#said.get(name)?.count ?? 2);
    const series = { count, lastObservedTime: micro(now()) };
    await api.patch(EVENTS, { namespace, name }, { patch: { series } });
  }

  #event({ kind, object }: Subject, name: string, said: object): KubeObject {
    const { namespace, uid, resourceVersion, name: objectName } = object.metadata;
    return {
      metadata: { name, ...(namespace !== undefined && { namespace }) },
      eventTime: micro(this.#options.now()),
      reportingController: 'berth.dev/controller',
      reportingInstance: this.#options.instance,
      action: 'Reconcile',
      regarding: {
        apiVersion: apiVersionOf(kind),
        kind: kind.kind,
        name: objectName,
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

/** The same words about the same object have the same name, whoever says them. */
function nameOf(
  { metadata: { name = '', uid = '' } }: KubeObject,
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
