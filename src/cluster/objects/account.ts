/** An account that may do nothing, and how many replicas a drain may take at a time. */
import { DISRUPTION_BUDGETS, type KubeObject, SERVICE_ACCOUNTS, typed } from '../resources.ts';
import type { Owner } from './blueprint.ts';
import { childName, metaOf, replicaLabels } from './naming.ts';

/**
 * On the account: names of Secrets that were made for the server and may be there still. The controller may not list Secrets, so
 * it writes down what it is about to make.
 */
export const SECRETS_ANNOTATION = 'berth.dev/secrets';

/** On the account: when the certificate of the server's supervisors was signed, and under what. */
export const CERTIFICATE_ANNOTATION = 'berth.dev/link-certificate';

/** On a trial of the account: names of Secrets of which the policy `released` is to say how they are labelled. */
export const ASKED_SECRETS_ANNOTATION = 'berth.dev/asked-secrets';

/** Has no rights, no token is mounted anywhere, and it is the ledger of the server's Secrets. */
export function serviceAccount(owner: Owner, secrets: readonly string[], certificate?: string): KubeObject {
  return typed(SERVICE_ACCOUNTS, {
    metadata: metaOf(owner, childName(owner), {
      annotations: {
        [SECRETS_ANNOTATION]: [...secrets].sort().join(','),
        ...(certificate !== undefined && { [CERTIFICATE_ANNOTATION]: certificate }),
      },
    }),
    automountServiceAccountToken: false,
  });
}

/** Only ever sent as a trial, of which nothing is kept. */
export function secretQuestion(owner: Owner, names: readonly string[]): KubeObject {
  return typed(SERVICE_ACCOUNTS, {
    metadata: metaOf(owner, childName(owner), {
      annotations: { [ASKED_SECRETS_ANNOTATION]: names.join(',') },
    }),
    automountServiceAccountToken: false,
  });
}

/** The names that {@link serviceAccount} has written down. */
export function secretsOf(account: KubeObject | undefined): string[] {
  return (account?.metadata.annotations?.[SECRETS_ANNOTATION] ?? '').split(',').filter((name) => name !== '');
}

export function disruptionBudget(owner: Owner): KubeObject {
  return typed(DISRUPTION_BUDGETS, {
    metadata: metaOf(owner, childName(owner)),
    spec: {
      maxUnavailable: 1,
      // What is not ready has no sessions to lose.
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: { matchLabels: replicaLabels(owner) },
    },
  });
}
