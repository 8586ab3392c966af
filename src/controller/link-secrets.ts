/** Secrets of the release for links over the network: the authority, which nobody mounts, and the certificate of its clients. */
import { SECRETS, typed } from '../cluster/resources.ts';
import { BerthError } from '../errors.ts';
import { IDENTITY_FILES } from '../link/mounted-identity.ts';
import type { TlsIdentity } from '../link/tls-identity.ts';
import { type Authorities, LinkAuthority, renewAuthorities } from './link-authority.ts';
import { metaOf, type ReleaseSecret, type Secret, type SecretApi, tryCreate } from './release-secret.ts';

/** Under which the authorities stand in their Secret. */
export const AUTHORITIES_KEY = 'authorities.json';
/** On a Secret with a certificate: when it was signed, and under what. */
export const SIGNED_ANNOTATION = 'berth.dev/link-certificate';

export interface AuthorityTimes {
  /** Milliseconds that certificates live. */
  readonly life: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** The authority of the release, made or renewed where that is due. */
export async function keepLinkAuthority(
  api: SecretApi,
  target: ReleaseSecret,
  { life, now }: AuthorityTimes,
): Promise<LinkAuthority> {
  const found = await api.get<Secret>(SECRETS, target);
  const known = found ? authoritiesOf(found) : [];
  const authorities = await renewAuthorities(known, target.name, now());
  if (JSON.stringify(authorities) === JSON.stringify(known))
    return new LinkAuthority({ authorities, life, now });
  const secret = opaque(target, { [AUTHORITIES_KEY]: JSON.stringify(authorities) });
  if (!(await put(api, secret, found))) return await keepLinkAuthority(api, target, { life, now });
  return new LinkAuthority({ authorities, life, now });
}

/** The certificate that gateways and the controller show, renewed where that is due. */
export async function keepClientCertificate(
  api: SecretApi,
  target: ReleaseSecret,
  authority: LinkAuthority,
): Promise<TlsIdentity> {
  const found = await api.get<Secret>(SECRETS, target);
  if (found && !authority.isStale(found.metadata.annotations?.[SIGNED_ANNOTATION])) return identityOf(found);
  const identity = await authority.client();
  const secret = opaque(target, identityFiles(identity), { [SIGNED_ANNOTATION]: authority.note() });
  if (!(await put(api, secret, found))) return await keepClientCertificate(api, target, authority);
  return identity;
}

/** The files of an identity, by their names. */
export function identityFiles({ cert, key, ca }: TlsIdentity): Readonly<Record<string, string>> {
  return { [IDENTITY_FILES.cert]: cert, [IDENTITY_FILES.key]: key, [IDENTITY_FILES.ca]: ca };
}

function identityOf({ data = {} }: Secret): TlsIdentity {
  const read = (name: string): string => Buffer.from(data[name] ?? '', 'base64').toString('utf8');
  const { cert, key, ca } = IDENTITY_FILES;
  return { cert: read(cert), key: read(key), ca: read(ca) };
}

function opaque(
  target: ReleaseSecret,
  text: Readonly<Record<string, string>>,
  annotations: Readonly<Record<string, string>> = {},
): Secret {
  const data = Object.entries(text).map(([name, value]) => [name, Buffer.from(value).toString('base64')]);
  return typed(SECRETS, {
    metadata: { ...metaOf(target), annotations },
    type: 'Opaque',
    data: Object.fromEntries(data) as Record<string, string>,
  });
}

/** False when somebody else was quicker: what is there now is to be looked at again. */
async function put(api: SecretApi, secret: Secret, before: Secret | undefined): Promise<boolean> {
  if (!before) return await tryCreate(api, secret);
  const { resourceVersion } = before.metadata;
  try {
    await api.replace(SECRETS, {
      ...secret,
      metadata: { ...secret.metadata, ...(resourceVersion && { resourceVersion }) },
    });
    return true;
  } catch (thrown) {
    if (thrown instanceof BerthError && thrown.code === 'conflict') return false;
    throw thrown;
  }
}

function authoritiesOf({ data }: Secret): Authorities {
  try {
    return JSON.parse(Buffer.from(data?.[AUTHORITIES_KEY] ?? '', 'base64').toString('utf8')) as Authorities;
  } catch (cause) {
    throw new BerthError('bad-setting', 'the Secret of the link authority holds none', {
      cause,
      hint: 'Delete the Secret: another authority is made, and every certificate anew.',
    });
  }
}
