/** What can be said with a request to the Kubernetes API, and how it is written. */
import type { ApiCall } from './api-transport.ts';
import { type ObjectName, pathOf, type Resource } from './resources.ts';

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** `status` or `scale`. */
  readonly subresource?: string;
  /** The server checks everything and keeps nothing. */
  readonly dryRun?: boolean;
  /** Hears what the API server warns of, such as policies that do not deny. */
  readonly onWarning?: (text: string) => void;
}

export interface ApplyOptions extends CallOptions {
  /** Owns the fields that are applied; one for each concern. */
  readonly manager: string;
  /** Takes fields over from other managers. */
  readonly force?: boolean;
}

export interface DeleteOptions extends CallOptions {
  readonly propagation?: 'Foreground' | 'Background' | 'Orphan';
  /** Only this very object, and only as it was last seen. */
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly gracePeriodSeconds?: number;
}

export interface Selection {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export interface ListOptions extends Selection {
  readonly limit?: number;
  readonly continue?: string | undefined;
}

type Query = Readonly<Record<string, string | number | undefined>>;

/** A call on one object by name. */
export function callFor(
  verb: string,
  kind: Resource,
  target: ObjectName,
  options: CallOptions & { readonly query?: Query } = {},
): Pick<ApiCall, 'path' | 'doing'> {
  const { subresource, dryRun, query } = options;
  const path = pathOf(kind, target, subresource) + queryOf({ dryRun: dryRun ? 'All' : undefined, ...query });
  return { path, doing: describe(verb, kind, target) };
}

/** For example `get pods demo/web-1`. */
export function describe(verb: string, { plural }: Resource, { namespace, name }: ObjectName): string {
  return `${verb} ${plural} ${namespace === undefined ? name : `${namespace}/${name}`}`;
}

/** With its question mark; empty without members. */
export function queryOf(members: Query): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(members))
    if (value !== undefined) query.set(name, String(value));
  return query.size === 0 ? '' : `?${query}`;
}

/** The query of a list or a watch. */
export function selectionQuery(options: ListOptions): Query {
  const { labelSelector, fieldSelector, limit, continue: next } = options;
  return { labelSelector, fieldSelector, limit, continue: next };
}

/** The body that says how to delete. */
export function deleteBody({ propagation, uid, resourceVersion, gracePeriodSeconds }: DeleteOptions): object {
  const conditional = uid !== undefined || resourceVersion !== undefined;
  return {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    propagationPolicy: propagation,
    gracePeriodSeconds,
    ...(conditional ? { preconditions: { uid, resourceVersion } } : {}),
  };
}
