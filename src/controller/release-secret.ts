/** Secrets of the release itself: made by the controller, beside the gateway, and read again by their names. */
import { type KubeObject, type ObjectMeta, type OwnerReference, SECRETS } from '../cluster/resources.ts';
import { toBerthError } from '../errors.ts';
import type { ClusterApi } from './cluster-api.ts';

export type SecretApi = Pick<ClusterApi, 'get' | 'create' | 'replace'>;

export interface Secret extends KubeObject {
  readonly metadata: ObjectMeta;
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
}

export interface ReleaseSecret {
  readonly namespace: string;
  readonly name: string;
  /** What takes it along when it goes. */
  readonly owner?: OwnerReference;
}

const PART_OF = { 'app.kubernetes.io/managed-by': 'berth', 'app.kubernetes.io/part-of': 'berth' };

export function metaOf({ owner, ...named }: ReleaseSecret): ObjectMeta {
  return { ...named, labels: PART_OF, ...(owner && { ownerReferences: [owner] }) };
}

/** False when it is there already. */
export async function tryCreate(api: SecretApi, secret: Secret): Promise<boolean> {
  try {
    await api.create(SECRETS, secret);
    return true;
  } catch (thrown) {
    if (toBerthError(thrown).code === 'conflict') return false;
    throw thrown;
  }
}
