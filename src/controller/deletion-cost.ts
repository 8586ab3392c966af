/** Which replica goes first when there are to be fewer: the one with the fewest sessions. */
import { PODS } from '../cluster/resources.ts';
import type { ClusterApi } from './cluster-api.ts';
import type { Replica } from './replica-probe.ts';

const COST = 'controller.kubernetes.io/pod-deletion-cost';

/** Tells the cluster, where it does not know yet. */
export async function tellDeletionCost(replicas: readonly Replica[], api: ClusterApi): Promise<void> {
  // With one replica there is nothing to choose.
  if (replicas.length < 2) return;
  for (const { pod, report } of replicas) {
    const { name = '', namespace, annotations, deletionTimestamp } = pod.metadata;
    const cost = report && `${report.sessions}`;
    if (cost === undefined || deletionTimestamp !== undefined || annotations?.[COST] === cost) continue;
    await api.patch(PODS, { namespace, name }, { patch: { metadata: { annotations: { [COST]: cost } } } });
  }
}
