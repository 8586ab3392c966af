/** The kinds of objects that Berth deals with, and as much of an object as everything has. */

/** One kind of object in the API. */
export interface Resource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
}

export interface ObjectMeta {
  readonly name?: string;
  readonly generateName?: string;
  readonly namespace?: string | undefined;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** RFC 3339 text. */
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly ownerReferences?: readonly OwnerReference[];
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
}

/** An object by name; without a namespace one of the whole cluster. */
export interface ObjectName {
  readonly namespace?: string | undefined;
  readonly name: string;
}

export const PODS = resource('v1', 'Pod', 'pods');
export const SECRETS = resource('v1', 'Secret', 'secrets');
export const CONFIG_MAPS = resource('v1', 'ConfigMap', 'configmaps');
export const SERVICE_ACCOUNTS = resource('v1', 'ServiceAccount', 'serviceaccounts');
export const SERVICES = resource('v1', 'Service', 'services');
export const CLAIMS = resource('v1', 'PersistentVolumeClaim', 'persistentvolumeclaims');
export const NAMESPACES = resource('v1', 'Namespace', 'namespaces');
export const NODES = resource('v1', 'Node', 'nodes');
export const DEPLOYMENTS = resource('apps/v1', 'Deployment', 'deployments');
export const REPLICA_SETS = resource('apps/v1', 'ReplicaSet', 'replicasets');
export const JOBS = resource('batch/v1', 'Job', 'jobs');
export const EVENTS = resource('events.k8s.io/v1', 'Event', 'events');
export const LEASES = resource('coordination.k8s.io/v1', 'Lease', 'leases');
export const NETWORK_POLICIES = resource('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies');
export const DISRUPTION_BUDGETS = resource('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets');
export const MCP_SERVERS = resource('berth.dev/v1alpha1', 'MCPServer', 'mcpservers');

/** What stands in an object's `apiVersion`. */
export function apiVersionOf({ group, version }: Resource): string {
  return group === '' ? version : `${group}/${version}`;
}

/** The path of a kind of object, of one object when `name` is given, of a part of it with a subresource. */
export function pathOf(resource: Resource, target: Partial<ObjectName>, subresource?: string): string {
  const { namespace, name } = target;
  const prefix = resource.group === '' ? '/api/' : '/apis/';
  const parts = [
    ...(namespace === undefined ? [] : ['namespaces', namespace]),
    resource.plural,
    ...(name === undefined ? [] : [name]),
    ...(subresource === undefined ? [] : [subresource]),
  ];
  return `${prefix}${apiVersionOf(resource)}/${parts.map(encodeURIComponent).join('/')}`;
}

/** `apiVersion` as in a manifest. */
export function resource(apiVersion: string, kind: string, plural: string): Resource {
  const [group = '', version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  return { group, version: version ?? '', kind, plural };
}

/** The object with the `apiVersion` and `kind` that it must have. */
export function typed<T extends object>(kind: Resource, object: T): T {
  return { apiVersion: apiVersionOf(kind), kind: kind.kind, ...object };
}
