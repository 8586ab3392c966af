/**
 * Nothing is left behind, by no test and by no file of them.
 *
 * Of a test: whatever it has made and has no owner is gone at its end, or on its way out, unless it says that later tests go on with it
 * ({@link leaveForLater}). What its own hooks remove is gone by then; what the hooks of a file or a describe make is not a test's. Every
 * kind is watched for that as long as the file runs ({@link ObjectDiff} says how a change is known to be a test's), and a test is held to
 * objects with names of this run alone, as others run beside it.
 *
 * Of a file: what there is in the cluster afterwards is what there was before. Definitions of resources are not looked at, as they are
 * for all; what is on its way out has time to go.
 */
import { afterAll, beforeAll, beforeEach, type RunnerTestCase } from 'vitest';
import { loadClusterAccess } from '../../../src/cluster/kube-config.ts';
import { listAll } from '../../../src/cluster/list-all.ts';
import { createReflector } from '../../../src/cluster/reflector.ts';
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
import { tellWhatIsLeft } from './left-for-later.ts';
import { MetadataClient } from './metadata-client.ts';
import { ObjectDiff } from './object-diff.ts';
import { isOfOthers, isOwn } from './own-names.ts';
import { TestSpans } from './test-spans.ts';

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

let client: MetadataClient;
let watches: readonly Watch[] = [];
let before: ReadonlySet<string>;
const diff = new ObjectDiff(isOwn);
const spans = new TestSpans({
  diff,
  revision: () => persistently(() => client.revision(NAMESPACES)),
});
tellWhatIsLeft(spans);

beforeAll(async () => {
  client = new MetadataClient(await loadClusterAccess());
  watches = await Promise.all(KINDS.map(watch));
  before = new Set(await persistently(() => namesOf(watches)));
}, LIMIT_MS);

beforeEach(async ({ task, onTestFinished }) => {
  // The first that is asked for is the last that runs: after all hooks of the test.
  const test = task.fullTestName;
  const failed = (): boolean => task.result?.state === 'fail';
  onTestFinished(() => spans.end({ test, failed: failed(), isFollowed: isFollowed(task) }), LIMIT_MS);
  await spans.begin(test);
}, LIMIT_MS);

afterAll(async () => {
  if (!before) return;
  const isLeft = (name: string): boolean => !before.has(name);
  const left = (await look((names) => !names.some(isLeft))).filter(isLeft);
  await Promise.all(watches.map(({ close }) => close()));
  client.close();
  const faults = spans.late();
  if (left.length > 0) faults.push(`these tests left behind: ${left.join(', ')}`);
  if (faults.length > 0) throw new Error(faults.join('\n'));
}, LIMIT_MS);

/** Whether the next thing that happens is another test of the same describe. */
function isFollowed(task: RunnerTestCase): boolean {
  const { tasks } = task.suite ?? task.file;
  const next = tasks[tasks.indexOf(task) + 1];
  return next?.type === 'test' && (next.mode === 'run' || next.mode === 'queued');
}

interface Watch {
  readonly kind: Resource;
  readonly items: readonly KubeObject[];
  close(): Promise<void>;
}

/** Resolves when all of a kind is known, or that there is no such kind: that is asked again from time to time. */
async function watch(kind: Resource): Promise<Watch> {
  const unknown = Promise.withResolvers<void>();
  const watching = createReflector<KubeObject>({
    client,
    resource: kind,
    handler: {
      added: (object) => diff.there(kind, object),
      modified: (object) => diff.there(kind, object),
      deleted: (object) => diff.gone(kind, object),
    },
    onFault: ({ code }) => code === 'not-found' && unknown.resolve(),
  });
  await Promise.race([watching.synced, unknown.promise]);
  return { kind, items: watching.items, close: () => watching.close() };
}

/** An API server that a test has stopped has time to come back. */
async function persistently<T>(ask: () => Promise<T>): Promise<T> {
  for (let at = 1; ; at++) {
    try {
      return await ask();
    } catch (error) {
      if (at === LOOKS) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
  }
}

/** What there is once that is enough, or at last. */
async function look(isEnough: (names: readonly string[]) => boolean): Promise<readonly string[]> {
  let seen: readonly string[] = [];
  await persistently(async () => {
    seen = await everything();
    if (!isEnough(seen)) throw new Error('there is more than that');
  }).catch((error: unknown) => {
    if (seen.length === 0) throw error;
  });
  return seen;
}

async function everything(): Promise<string[]> {
  return namesOf(await Promise.all(KINDS.map(async (kind) => ({ kind, items: await all(kind) }))));
}

/** With what others have no name in, and nodes that take no pods. */
async function namesOf(
  lists: readonly { readonly kind: Resource; readonly items: readonly KubeObject[] }[],
): Promise<string[]> {
  const names = lists.flatMap(({ kind, items }) => items.map((one) => nameOf(kind, one)));
  const cordoned = await all(NODES, 'spec.unschedulable=true');
  return [
    ...names.filter((name) => !isOfOthers(name) && !/ kube-[a-z-]+\//.test(name)),
    ...cordoned.map(({ metadata }) => `cordon of node ${metadata.name}`),
  ];
}

/** None of a kind that the cluster does not know yet. */
async function all(kind: Resource, fieldSelector?: string): Promise<readonly KubeObject[]> {
  const signal = AbortSignal.timeout(LIMIT_MS);
  try {
    return (await listAll(client, kind, { fieldSelector, signal })).items;
  } catch (error) {
    if (toBerthError(error).code === 'not-found') return [];
    throw error;
  }
}

function nameOf({ plural }: Resource, { metadata: { namespace = '', name = '' } }: KubeObject): string {
  return `${plural} ${namespace}/${name}`;
}
