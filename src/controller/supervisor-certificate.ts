/** The certificate of a server's supervisors, where links go over the network. */

import type { Owner } from '../cluster/objects/blueprint.ts';
import { linkSecret } from '../cluster/objects/config-secret.ts';
import { linkSecretName } from '../cluster/objects/naming.ts';
import { linkPortOf } from '../cluster/pod-carrier.ts';
import { SECRETS } from '../cluster/resources.ts';
import { BerthError } from '../errors.ts';
import type { Applier } from './applier.ts';
import type { Observed } from './cluster-api.ts';
import type { LinkAuthority } from './link-authority.ts';
import { identityFiles } from './link-secrets.ts';
import type { SecretLedger } from './secrets.ts';

export interface CertificateTools {
  readonly applier: Applier;
  /** Undefined until it could be had. */
  readonly authority?: () => LinkAuthority | undefined;
}

/** Made before the first pod mounts it, renewed under the running ones, and made again when somebody has removed it. */
export async function keepSupervisorCertificate(
  owner: Owner,
  ledger: SecretLedger,
  { applier, authority }: CertificateTools,
): Promise<void> {
  const signing = authority?.();
  if (!signing) throw new BerthError('busy', 'there is no authority yet that signs certificates of links');
  const isStale = signing.isStale(ledger.certificate);
  const metadata = { namespace: owner.namespace, name: linkSecretName(owner) };
  if (!isStale && applier.isFresh(SECRETS, { metadata })) return;
  const note = signing.note();
  const secret = linkSecret(owner, identityFiles(await signing.supervisor(owner.uid)));
  if (isStale) await ledger.renewCertificate(secret, note);
  else await ledger.restoreCertificate(secret, note);
}

/** Where replicas listen, or would if the Deployment made new ones, whatever the settings say now. */
export function usedLinkPort({ deployment, pods }: Observed): number | undefined {
  const ports = [...(deployment ? [deployment.spec.template] : []), ...pods].map(linkPortOf);
  return ports.find((port) => port !== undefined);
}
