/** What the controller asks of the Kubernetes API. */
import type { ApiClient } from '../cluster/api-client.ts';
import type { Claim } from '../cluster/objects/claim.ts';
import type { Deployment } from '../cluster/objects/deployment.ts';
import type { Job } from '../cluster/objects/installer-job.ts';
import { UID_LABEL } from '../cluster/objects/naming.ts';
import type { Pod } from '../cluster/objects/pod-types.ts';
import type { KubeObject } from '../cluster/resources.ts';

export type ClusterApi = Pick<ApiClient, 'get' | 'create' | 'replace' | 'patch' | 'apply' | 'remove'>;

/** Owns the fields of everything that the controller applies. */
export const MANAGER = 'berth-controller';

/** The children as they were last seen: a picture that may be a little old. */
export interface ChildView {
  readonly deployments: readonly Deployment[];
  readonly jobs: readonly Job[];
  readonly pods: readonly Pod[];
  readonly claims: readonly Claim[];
}

/** What belongs to one server. */
export interface Observed {
  readonly deployment: Deployment | undefined;
  readonly jobs: readonly Job[];
  /** Replicas, those that are being ended included; not those that were evicted or shut down, which may lie about for days. */
  readonly pods: readonly Pod[];
  /** Replicas that were evicted or shut down with their node, as long as they lie about; not what somebody has deleted. */
  readonly lost: readonly Pod[];
  readonly installers: readonly Pod[];
  /** The one that was made for it, even if it has no use for one any more. */
  readonly claim: Claim | undefined;
}

/** Of an earlier server of the same name nothing counts. */
export function observe(view: ChildView, uid: string): Observed {
  const own = <T extends KubeObject>(objects: readonly T[]): T[] =>
    objects.filter(({ metadata }) => metadata.labels?.[UID_LABEL] === uid);
  const pods = own(view.pods);
  const isInstaller = ({ metadata }: Pod): boolean =>
    metadata.labels?.['app.kubernetes.io/component'] === 'mcp-installer';
  return {
    deployment: own(view.deployments)[0],
    jobs: own(view.jobs),
    pods: pods.filter((pod) => !isInstaller(pod) && !isOver(pod)),
    lost: pods.filter((pod) => !isInstaller(pod) && isOver(pod) && !pod.metadata.deletionTimestamp),
    installers: pods.filter(isInstaller),
    claim: own(view.claims)[0],
  };
}

/** Its containers never run again: another pod has its place. */
function isOver({ status }: Pod): boolean {
  return status?.phase === 'Failed' || status?.phase === 'Succeeded';
}
