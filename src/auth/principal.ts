/** Who calls. */
import { createHash } from 'node:crypto';

export interface Principal {
  /** `local`, or `key:<name>`. */
  readonly id: string;
  /** 128 bits of a hash of the id, base64url: what a sealed session id carries. */
  readonly digest: string;
  readonly scope: Scope;
}

/** What a caller may do: `use` servers that are there, or `manage` them as well. */
export const SCOPES = ['use', 'manage'] as const;
export type Scope = (typeof SCOPES)[number];

const DIGEST_BYTES = 16;

/** The principal of an id, with its digest worked out once. */
export function createPrincipal(id: string, scope: Scope = 'manage'): Principal {
  return Object.freeze({ id, digest: principalDigest(id), scope });
}

/** The digest of {@link Principal} for an id. */
export function principalDigest(id: string): string {
  return createHash('sha256')
    .update(`berth principal\0${id}`)
    .digest()
    .toString('base64url', 0, DIGEST_BYTES);
}

/** A loopback peer without a key. */
export const LOCAL_PRINCIPAL: Principal = createPrincipal('local');
