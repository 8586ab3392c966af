/** Sealed session ids: a public id says, to a gateway only, where its session lives and whose it is. */
import { ClaimReader, encodeDigest, encodeText, encodeTime } from './claim-bytes.ts';
import {
  looksSealed,
  openServerState,
  openState,
  type ServerStateClaims,
  type StateClaims,
  sealServerState,
  sealState,
} from './seal-state.ts';
import { openText, type SealKey, type SealPurpose, sealText } from './sealed-text.ts';

export type { ServerStateClaims, StateClaims } from './seal-state.ts';
export type { SealKey } from './sealed-text.ts';

/** Claims of a session id. Only the supervisor knows whether the session exists. */
export interface SessionClaims {
  readonly replica: string;
  /** Names the session within its replica. */
  readonly nonce: string;
  /** {@link import('./principal.ts').Principal.digest} of who opened it. */
  readonly principal: string;
  /** Milliseconds since the epoch. */
  readonly issuedAt: number;
  /** Set for an SSE session: its id is good for its messages and nothing else. */
  readonly delivery?: 'single';
}

export interface Sealer {
  /** Its keys outlive this program: what it seals is good after a restart. */
  readonly lasting: boolean;
  /** A fresh id of ASCII letters, digits, `-` and `_`. */
  seal(serverId: string, claims: SessionClaims): string;
  /** The claims, or undefined for what was not sealed by these keys for this server. */
  open(id: string, serverId: string): SessionClaims | undefined;
  /** A fresh `requestState` of the same alphabet; it is no session id, nor the other way round. */
  sealState(serverId: string, claims: StateClaims): string;
  /** The claims, or undefined for what was not sealed by these keys for this server. */
  openState(state: string, serverId: string): StateClaims | undefined;
  /** A modern server's own state as its client may have it. */
  sealServerState(serverId: string, claims: ServerStateClaims): string;
  /** The claims, or undefined for what was not sealed by these keys for this server. */
  openServerState(state: string, serverId: string): ServerStateClaims | undefined;
  /** Whether a text begins as states of these keys do: one that cannot be opened is not what it was. */
  looksSealed(state: string): boolean;
  /** Takes other keys and forgets every opened id. */
  setKeys(keys: readonly SealKey[]): void;
}

const FORMAT = 2;
const DEFAULT_REMEMBERED = 16_384;

/** `keys`: the current one, which seals, then previous ones, which still open. `remember`: opened ids kept at most. */
export function createSealer(options: {
  readonly keys: readonly SealKey[];
  readonly remember?: number;
  /** False for keys that are kept nowhere. */
  readonly lasting?: boolean;
}): Sealer {
  const { remember = DEFAULT_REMEMBERED, lasting = true } = options;
  let keys = options.keys;
  const opened = new Map<string, { readonly serverId: string; readonly claims: SessionClaims }>();
  const current = (): SealKey => {
    if (!keys[0]) throw new Error('a sealer needs a key');
    return keys[0];
  };
  return {
    lasting,
    seal: (serverId, claims) => sealText(current(), purposeOf(serverId), encodeClaims(claims)),
    open(id, serverId) {
      const known = opened.get(id);
      if (known !== undefined) return known.serverId === serverId ? known.claims : undefined;
      const plain = openText(keys, purposeOf(serverId), id);
      if (plain === undefined) return undefined;
      const claims = decodeClaims(plain);
      if (opened.size >= remember) forgetOldest(opened);
      opened.set(id, { serverId, claims });
      return claims;
    },
    sealState: (serverId, claims) => sealState(current(), serverId, claims),
    openState: (state, serverId) => openState(keys, serverId, state),
    sealServerState: (serverId, claims) => sealServerState(current(), serverId, claims),
    openServerState: (state, serverId) => openServerState(keys, serverId, state),
    looksSealed: (state) => looksSealed(keys, state),
    setKeys(next) {
      keys = next;
      opened.clear();
    },
  };
}

function forgetOldest(opened: Map<string, unknown>): void {
  for (const id of opened.keys()) {
    opened.delete(id);
    return;
  }
}

function purposeOf(serverId: string): SealPurpose {
  return { format: FORMAT, binding: `berth session\0${serverId}` };
}

function encodeClaims(claims: SessionClaims): Buffer {
  return Buffer.concat([
    encodeTime(claims.issuedAt),
    encodeDigest(claims.principal),
    Buffer.of(claims.delivery === 'single' ? 1 : 0),
    encodeText(claims.replica),
    encodeText(claims.nonce),
  ]);
}

function decodeClaims(plain: Buffer): SessionClaims {
  const reader = new ClaimReader(plain);
  const issuedAt = reader.time();
  const principal = reader.digest();
  const isSingle = reader.number(1) === 1;
  const claims = { issuedAt, principal, replica: reader.text(), nonce: reader.text() };
  return Object.freeze(isSingle ? { ...claims, delivery: 'single' as const } : claims);
}
