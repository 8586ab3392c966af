/** Ends pods without their grace, one by one: a template is never changed for it. */
import { BerthError, toBerthError } from '../../errors.ts';
import type { ApiClient } from '../api-client.ts';
import { apiStatusOf } from '../api-status.ts';
import { PODS } from '../resources.ts';
import type { DeploymentObject, LabelSelector } from './foreign-deployment.ts';
import type { Pod } from './replica-pod.ts';

const HASH_LABEL = 'pod-template-hash';

/**
 * Only these very pods: another one that has taken a name meanwhile stays. Where some cannot be ended it says so, and `done`, which is
 * what has been done already and goes on without force: for example `web is stopped`.
 */
export async function killPods(
  client: Pick<ApiClient, 'remove'>,
  pods: readonly Pod[],
  done: string,
): Promise<void> {
  const kills = await Promise.allSettled(
    pods.map(({ metadata: { name = '', namespace, uid } }) =>
      client.remove(PODS, { name, namespace }, { gracePeriodSeconds: 0, ...(uid !== undefined && { uid }) }),
    ),
  );
  const faults = kills
    .flatMap((kill) => (kill.status === 'rejected' ? [toBerthError(kill.reason)] : []))
    .filter((fault) => apiStatusOf(fault)?.code !== 409);
  const [first] = faults;
  if (!first) return;
  const { code, message, hint, details } = first;
  const some = `${faults.length} of ${pods.length} pods could not be ended at once, and end in their own time`;
  throw new BerthError(code, `${done}, but ${some}: ${message}`, { hint, cause: details.cause });
}

/** The pods of a Deployment: selected by its selector, and owned by a ReplicaSet of its name; other pods may carry the same labels. */
export async function podsOfDeployment(
  client: Pick<ApiClient, 'list'>,
  { metadata, spec }: DeploymentObject,
): Promise<Pod[]> {
  const { namespace, name } = metadata;
  const { items } = await client.list<Pod>(PODS, { namespace, labelSelector: selectorText(spec.selector) });
  return items.filter(({ metadata: { labels, ownerReferences = [] } }) =>
    ownerReferences.some(
      (owner) =>
        owner.controller === true &&
        owner.kind === 'ReplicaSet' &&
        owner.name === `${name}-${labels?.[HASH_LABEL]}`,
    ),
  );
}

/** A selector as a query takes it. */
export function selectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const equal = Object.entries(matchLabels).map(([name, value]) => `${name}=${value}`);
  const others = matchExpressions.map(({ key, operator, values = [] }) => {
    if (operator === 'Exists') return key;
    if (operator === 'DoesNotExist') return `!${key}`;
    return `${key} ${operator === 'In' ? 'in' : 'notin'} (${values.join(',')})`;
  });
  return [...equal, ...others].join(',');
}
