/**
 * Who signs the certificates of links, and for how long. While an authority is replaced there are two: both are trusted, and the
 * newer one signs only when everybody has had the time to hear of it.
 */

import { shortHash } from '../cluster/objects/naming.ts';
import { BerthError } from '../errors.ts';
import { CLIENT_NAME, supervisorName, type TlsIdentity } from '../link/tls-identity.ts';
import { createAuthority, issueCertificate, type KeyedCertificate, validityOf } from './certificate.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Milliseconds that an authority lives. */
const AUTHORITY_LIFE = 365 * DAY;
/** What has lived for this part of its life is renewed: well before half of it. */
const RENEWED_AFTER = 1 / 3;
/** Milliseconds before a certificate counts that it says it does: clocks of nodes differ. */
const BACKDATED = HOUR;
/** Milliseconds until a new authority signs: every server's certificates are looked at every few minutes, and kubelets take one or two more. */
export const SETTLES_AFTER = DAY;

/** Newest first; of those that sign no more only the certificate is kept. */
export type Authorities = readonly { readonly cert: string; readonly key?: string }[];

/** Replaces the authority when its time has come, and drops what nobody needs any more. */
export async function renewAuthorities(known: Authorities, name: string, now: number): Promise<Authorities> {
  const kept = known
    .filter(({ cert }) => validityOf(cert).until > now)
    .map((one, index, [newest]) =>
      index > 0 && newest && isSettled(newest.cert, now) ? { cert: one.cert } : one,
    );
  const [newest] = kept;
  if (newest?.key !== undefined && !isWorn(validityOf(newest.cert), now)) return kept;
  const validity = { from: now - BACKDATED, until: now + AUTHORITY_LIFE };
  // A name of its own: two authorities of one name could be told apart by their keys only.
  const made = await createAuthority(`berth links of ${name}, ${new Date(now).toISOString()}`, validity);
  return [made, ...kept].slice(0, 2);
}

function isSettled(cert: string, now: number): boolean {
  return validityOf(cert).from + BACKDATED + SETTLES_AFTER <= now;
}

/** A third of its life is over. */
export function isWorn(
  { from, until }: { readonly from: number; readonly until: number },
  now: number,
): boolean {
  return now - from >= (until - from) * RENEWED_AFTER;
}

export interface LinkAuthorityOptions {
  readonly authorities: Authorities;
  /** Milliseconds that the certificates live which it signs. */
  readonly life: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Signs for both ends of links. */
export class LinkAuthority {
  readonly #options: LinkAuthorityOptions;
  readonly #ca: string;

  constructor(options: LinkAuthorityOptions) {
    this.#options = options;
    this.#ca = options.authorities.map(({ cert }) => cert).join('');
  }

  /** For the supervisor of one server. */
  async supervisor(server: string): Promise<TlsIdentity> {
    return await this.#issue(supervisorName(server), 'server');
  }

  /** For gateways and the controller. */
  async client(): Promise<TlsIdentity> {
    return await this.#issue(CLIENT_NAME, 'client');
  }

  /** Says when and under what something is signed now. */
  note(): string {
    return `${this.epoch} ${new Date(this.#options.now()).toISOString()}`;
  }

  /** Whether what was signed with this note is to be renewed. */
  isStale(note: string | undefined): boolean {
    const [epoch, signedAt = ''] = (note ?? '').split(' ');
    const at = Date.parse(signedAt);
    const { life, now } = this.#options;
    // What comes from the future was signed under a clock that nobody can trust.
    if (epoch !== this.epoch || Number.isNaN(at) || at > now() + BACKDATED) return true;
    return isWorn({ from: at, until: at + life }, now());
  }

  /** Changes with what signs and what is trusted: what was signed under another one is renewed. */
  get epoch(): string {
    return shortHash([this.#ca, this.#signer().cert]);
  }

  /** The newest one that everybody has heard of. */
  #signer(): KeyedCertificate {
    const now = this.#options.now();
    const able = this.#options.authorities.flatMap(({ cert, key }) =>
      key === undefined ? [] : [{ cert, key }],
    );
    const settled = able.find(({ cert }) => isSettled(cert, now));
    const chosen = settled ?? able.at(-1);
    if (!chosen) throw new BerthError('internal', 'there is no authority that signs links');
    return chosen;
  }

  async #issue(name: string, usage: 'server' | 'client'): Promise<TlsIdentity> {
    const { life, now } = this.#options;
    const signer = this.#signer();
    const from = now() - BACKDATED;
    const until = Math.min(now() + life, validityOf(signer.cert).until);
    return { ...(await issueCertificate(signer, { name, usage, from, until })), ca: this.#ca };
  }
}
