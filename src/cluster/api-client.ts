/** The Kubernetes API as far as Berth needs it: objects in, objects out. */
import type { IncomingMessage } from 'node:http';
import { type Clock, systemClock } from '../clock.ts';
import type { ClusterAccess } from './access.ts';
import {
  type ApplyOptions,
  type CallOptions,
  callFor,
  type DeleteOptions,
  deleteBody,
  describe,
  type ListOptions,
  queryOf,
  type Selection,
  selectionQuery,
} from './api-call.ts';
import { apiStatusOf } from './api-status.ts';
import { type ApiCall, ApiTransport } from './api-transport.ts';
import {
  type KubeObject,
  type ObjectName,
  PODS,
  pathOf,
  type Resource,
  resource,
  typed,
} from './resources.ts';

export interface Page<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
  /** Where the next page begins; undefined on the last one. */
  readonly continue: string | undefined;
}

/** What an account may want to do. */
export interface AccessQuestion {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
}

export interface AccessAnswer {
  readonly allowed: boolean;
  readonly reason: string;
}

export interface LogOptions {
  readonly container: string;
  /** Newest lines of what is there. */
  readonly tail: number;
  /** Goes on with what is written from now on. */
  readonly follow?: boolean;
}

export interface ApiClientOptions {
  readonly access: ClusterAccess;
  readonly clock?: Clock;
  readonly random?: () => number;
}

const NEVER = new AbortController().signal;
const ACCESS_REVIEWS = resource(
  'authorization.k8s.io/v1',
  'SelfSubjectAccessReview',
  'selfsubjectaccessreviews',
);

/**
 * Everything rejects with BerthError (its cause is an ApiStatus where the server answered), or with the reason of the signal.
 * What has no effect when it is done twice is repeated when the server is overloaded or unreachable.
 */
export class ApiClient {
  readonly #transport: ApiTransport;
  /** Where objects without a namespace of their own belong. */
  readonly namespace: string;

  constructor({ access, clock = systemClock, random = Math.random }: ApiClientOptions) {
    this.namespace = access.namespace;
    this.#transport = new ApiTransport({ access, clock, random });
  }

  /** Undefined when there is no such object. */
  async get<T extends KubeObject>(
    kind: Resource,
    target: ObjectName,
    options: CallOptions = {},
  ): Promise<T | undefined> {
    const call = { ...callFor('get', kind, target, options), repeatable: true };
    return unless404(this.#send<T>({ ...call, method: 'GET' }, options), undefined);
  }

  async list<T extends KubeObject>(
    kind: Resource,
    options: ListOptions,
    signal: AbortSignal = NEVER,
  ): Promise<Page<T>> {
    const path = pathOf(kind, { namespace: options.namespace }) + queryOf(selectionQuery(options));
    const call: ApiCall = { method: 'GET', path, doing: `list ${kind.plural}`, repeatable: true };
    const body = (await this.#transport.send(call, signal)) as ListBody<T>;
    const { resourceVersion = '', continue: next } = body.metadata ?? {};
    return { items: body.items ?? [], resourceVersion, continue: next || undefined };
  }

  /** The raw answer of a watch. */
  watch(
    kind: Resource,
    selection: Selection & { resourceVersion: string; timeoutSeconds: number },
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const { resourceVersion, timeoutSeconds } = selection;
    const watching = { watch: 'true', allowWatchBookmarks: 'true', resourceVersion, timeoutSeconds };
    const query = queryOf({ ...selectionQuery(selection), ...watching });
    const path = pathOf(kind, { namespace: selection.namespace }) + query;
    const doing = `watch ${kind.plural}`;
    return this.#transport.stream({ method: 'GET', path, doing, repeatable: true }, signal);
  }

  /** The raw log of a container, each line behind its time. */
  log(target: ObjectName, options: LogOptions, signal: AbortSignal): Promise<IncomingMessage> {
    const { container, tail, follow } = options;
    const query = queryOf({
      container,
      tailLines: tail,
      timestamps: 'true',
      follow: follow ? 'true' : undefined,
    });
    const path = pathOf(PODS, target, 'log') + query;
    const doing = `${describe('read the log of', PODS, target)}, container ${container}`;
    return this.#transport.stream({ method: 'GET', path, doing, repeatable: true }, signal);
  }

  /** Not repeated: rejects with `conflict` when the name is taken. */
  create<T extends KubeObject>(kind: Resource, object: T, options: CallOptions = {}): Promise<T> {
    const { name = '', namespace } = object.metadata;
    const path = pathOf(kind, { namespace }) + queryOf({ dryRun: options.dryRun ? 'All' : undefined });
    const doing = describe('create', kind, { namespace, name });
    const body = typed(kind, object);
    return this.#send<T>({ method: 'POST', path, doing, body, repeatable: false }, options);
  }

  /** Rejects with `conflict` when the object is no longer as its resourceVersion says; not repeated. */
  replace<T extends KubeObject>(kind: Resource, object: T, options: CallOptions = {}): Promise<T> {
    const call = { ...callFor('update', kind, nameOf(object), options), repeatable: false };
    return this.#send<T>({ ...call, method: 'PUT', body: typed(kind, object) }, options);
  }

  /** Merges `patch` (RFC 7396) into the object. */
  patch<T extends KubeObject>(
    kind: Resource,
    target: ObjectName,
    { patch, ...options }: CallOptions & { readonly patch: object },
  ): Promise<T> {
    const call = { ...callFor('patch', kind, target, options), repeatable: true };
    const contentType = 'application/merge-patch+json';
    return this.#send<T>({ ...call, method: 'PATCH', body: patch, contentType }, options);
  }

  /** Server-side apply: makes the object or sets the given fields of it. */
  apply<T extends KubeObject>(kind: Resource, object: T, options: ApplyOptions): Promise<T> {
    const query = { fieldManager: options.manager, force: options.force ? 'true' : undefined };
    const call = { ...callFor('apply', kind, nameOf(object), { ...options, query }), repeatable: true };
    // JSON is YAML.
    const contentType = 'application/apply-patch+yaml';
    return this.#send<T>({ ...call, method: 'PATCH', body: typed(kind, object), contentType }, options);
  }

  /** False when there is no such object (any more). */
  async remove(kind: Resource, target: ObjectName, options: DeleteOptions = {}): Promise<boolean> {
    const call = { ...callFor('delete', kind, target, options), repeatable: true };
    const body = deleteBody(options);
    const removed = this.#send<KubeObject>({ ...call, method: 'DELETE', body }, options);
    return unless404(
      removed.then(() => true),
      false,
    );
  }

  /** Whether the account that we use may do something. */
  async may(question: AccessQuestion, signal: AbortSignal = NEVER): Promise<AccessAnswer> {
    const body = typed(ACCESS_REVIEWS, { metadata: {}, spec: { resourceAttributes: question } });
    const doing = 'ask for our own rights';
    const path = pathOf(ACCESS_REVIEWS, {});
    const call: ApiCall = { method: 'POST', path, doing, body, repeatable: true };
    const { status } = (await this.#transport.send(call, signal)) as ReviewBody;
    return { allowed: status?.allowed === true, reason: status?.reason ?? '' };
  }

  /** What is at a path that is no object's. */
  read(path: string, doing: string, signal: AbortSignal = NEVER): Promise<unknown> {
    return this.#transport.send({ method: 'GET', path, doing, repeatable: true }, signal);
  }

  /** Ends everything that is under way. Idempotent. */
  close(): void {
    this.#transport.close();
  }

  #send<T>(call: ApiCall, { signal = NEVER, onWarning }: CallOptions): Promise<T> {
    return this.#transport.send({ ...call, onWarning }, signal) as Promise<T>;
  }
}

interface ListBody<T> {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly T[];
}

interface ReviewBody {
  readonly status?: { readonly allowed?: boolean; readonly reason?: string };
}

function nameOf({ metadata: { name = '', namespace } }: KubeObject): ObjectName {
  return { name, namespace };
}

async function unless404<T, U>(answer: Promise<T>, missing: U): Promise<T | U> {
  try {
    return await answer;
  } catch (error) {
    if (apiStatusOf(error)?.code === 404) return missing;
    throw error;
  }
}
