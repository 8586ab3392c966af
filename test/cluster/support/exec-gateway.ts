/** A gateway in the test's own program that reaches its servers by exec, as one in the cluster does. */
import type { ClusterAccess } from '../../../src/cluster/access.ts';
import { type PodGateway, startPodGateway } from './pod-gateway.ts';
import type { RunningPod } from './server-pod.ts';

export type ExecGateway = PodGateway;

export async function startExecGateway(
  { access, namespace }: { readonly access: ClusterAccess; readonly namespace: string },
  pods: readonly RunningPod[],
): Promise<ExecGateway> {
  return await startPodGateway({ access, namespace, pods });
}
