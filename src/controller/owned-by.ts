/** Owner references to objects that are not ours to control: what refers to them goes when they do. */
import { apiVersionOf, type KubeObject, type OwnerReference, type Resource } from '../cluster/resources.ts';

export function ownedBy(kind: Resource, { metadata: { name = '', uid = '' } }: KubeObject): OwnerReference {
  return { apiVersion: apiVersionOf(kind), kind: kind.kind, name, uid };
}
