/** What the leader has for links over the network: the authority of the release, and the certificate that it shows itself. */
import type { OwnerReference } from '../cluster/resources.ts';
import type { TlsIdentity } from '../link/tls-identity.ts';
import type { LinkAuthority } from './link-authority.ts';
import { keepClientCertificate, keepLinkAuthority } from './link-secrets.ts';
import type { SecretApi } from './release-secret.ts';
import type { ControllerSettings } from './settings.ts';

const DAY_MS = 24 * 3_600_000;

export interface ReleaseLinks {
  /** Undefined where links go by exec, and until it could be had. */
  readonly authority: LinkAuthority | undefined;
  readonly identity: TlsIdentity | undefined;
  /** Makes and renews what is due; true when servers' certificates are to be renewed, too. Rejects with what the API server says. */
  keep(owner: OwnerReference | undefined): Promise<boolean>;
}

/** `now`: milliseconds since 1970. */
export function createReleaseLinks(
  api: SecretApi,
  settings: ControllerSettings,
  now: () => number,
): ReleaseLinks {
  const { release, releaseNamespace: namespace, linkPort } = settings.pods;
  const times = { life: settings.certificateDays * DAY_MS, now };
  let authority: LinkAuthority | undefined;
  let identity: TlsIdentity | undefined;
  return {
    get authority() {
      return authority;
    },
    get identity() {
      return identity;
    },
    keep: async (owner) => {
      if (linkPort === undefined) return false;
      const secret = (name: string) => ({ namespace, name: `${release}-${name}`, ...(owner && { owner }) });
      const before = authority?.epoch;
      authority = await keepLinkAuthority(api, secret('link-ca'), times);
      identity = await keepClientCertificate(api, secret('link-client'), authority);
      return before !== undefined && before !== authority.epoch;
    },
  };
}
