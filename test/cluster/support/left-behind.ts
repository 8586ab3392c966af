/**
 * Around every file of tests: what there is in the cluster afterwards is what there was before. Definitions of resources are not looked
 * at, as they are for all; what is on its way out has time to go.
 */
import { afterAll, beforeAll } from 'vitest';
import { ApiClient } from '../../../src/cluster/api-client.ts';
import { loadClusterAccess } from '../../../src/cluster/kube-config.ts';
import { listAll } from '../../../src/cluster/list-all.ts';
import {
  CLAIMS,
  CONFIG_MAPS,
  DEPLOYMENTS,
  DISRUPTION_BUDGETS,
  JOBS,
  type KubeObject,
  LEASES,
  MCP_SERVERS,
  NAMESPACES,
  NETWORK_POLICIES,
  NODES,
  PODS,
  REPLICA_SETS,
  type Resource,
  resource,
  SECRETS,
  SERVICE_ACCOUNTS,
  SERVICES,
} from '../../../src/cluster/resources.ts';
import { toBerthError } from '../../../src/errors.ts';
import { isOfOthers } from './own-names.ts';

/** Whatever the chart, its programs and the tests make. */
const KINDS: readonly Resource[] = [
  ...[DEPLOYMENTS, REPLICA_SETS, PODS, JOBS, MCP_SERVERS, CLAIMS],
  ...[CONFIG_MAPS, SECRETS, SERVICE_ACCOUNTS, SERVICES, NETWORK_POLICIES, DISRUPTION_BUDGETS, LEASES],
  resource('rbac.authorization.k8s.io/v1', 'Role', 'roles'),
  resource('rbac.authorization.k8s.io/v1', 'RoleBinding', 'rolebindings'),
  resource('rbac.authorization.k8s.io/v1', 'ClusterRole', 'clusterroles'),
  resource('rbac.authorization.k8s.io/v1', 'ClusterRoleBinding', 'clusterrolebindings'),
  resource('admissionregistration.k8s.io/v1', 'ValidatingAdmissionPolicy', 'validatingadmissionpolicies'),
  resource(
    'admissionregistration.k8s.io/v1',
    'ValidatingAdmissionPolicyBinding',
    'validatingadmissionpolicybindings',
  ),
  resource('networking.k8s.io/v1', 'Ingress', 'ingresses'),
  resource('autoscaling/v2', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers'),
  resource('gateway.networking.k8s.io/v1', 'HTTPRoute', 'httproutes'),
  resource('monitoring.coreos.com/v1', 'ServiceMonitor', 'servicemonitors'),
  resource('monitoring.coreos.com/v1', 'PodMonitor', 'podmonitors'),
  resource('v1', 'ResourceQuota', 'resourcequotas'),
  resource('v1', 'LimitRange', 'limitranges'),
  resource('v1', 'PersistentVolume', 'persistentvolumes'),
  NAMESPACES,
];
const LOOKS = 120;
const LOOK_EVERY = 500;
/** More than all looks take. */
const LIMIT_MS = 300_000;

let client: ApiClient;
let before: ReadonlySet<string>;

beforeAll(async () => {
  client = new ApiClient({ access: await loadClusterAccess() });
  before = new Set(await look(() => true));
}, LIMIT_MS);

afterAll(async () => {
  if (!before) return;
  const isLeft = (name: string): boolean => !before.has(name);
  const left = (await look((names) => !names.some(isLeft))).filter(isLeft);
  client.close();
  if (left.length > 0) throw new Error(`these tests left behind: ${left.join(', ')}`);
}, LIMIT_MS);

/** What there is once that is enough, or at last; an API server that a test has stopped has time to come back. */
async function look(isEnough: (names: readonly string[]) => boolean): Promise<readonly string[]> {
  let seen: readonly string[] | undefined;
  let fault: unknown;
  for (let at = 0; at < LOOKS; at++) {
    try {
      seen = await everything();
      if (isEnough(seen)) return seen;
    } catch (error) {
      fault = error;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
  }
  if (!seen) throw fault;
  return seen;
}

interface Node extends KubeObject {
  readonly spec?: { readonly unschedulable?: boolean };
}

async function everything(): Promise<string[]> {
  const lists = await Promise.all(
    KINDS.map(async (kind) => (await all(kind)).map((one) => nameOf(kind, one))),
  );
  const cordoned = (await all<Node>(NODES)).filter(({ spec }) => spec?.unschedulable);
  return [
    ...lists.flat().filter((name) => !isOfOthers(name) && !/ kube-[a-z-]+\//.test(name)),
    ...cordoned.map(({ metadata }) => `cordon of node ${metadata.name}`),
  ];
}

/** None of a kind that the cluster does not know yet. */
async function all<T extends KubeObject>(kind: Resource): Promise<readonly T[]> {
  try {
    return (await listAll<T>(client, kind, { signal: AbortSignal.timeout(LIMIT_MS) })).items;
  } catch (error) {
    if (toBerthError(error).code === 'not-found') return [];
    throw error;
  }
}

function nameOf({ plural }: Resource, { metadata: { namespace = '', name = '' } }: KubeObject): string {
  return `${plural} ${namespace}/${name}`;
}
