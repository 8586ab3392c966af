/** Sealed `requestState`: names a parked call to a gateway, and to nobody else (data-path.md 7.1). */
import { ClaimReader, encodeDigest, encodeText, encodeTime } from './claim-bytes.ts';
import { openText, type SealKey, type SealPurpose, sealText } from './sealed-text.ts';

/** Claims of a state. Only the supervisor knows whether the call still waits. */
export interface StateClaims {
  readonly replica: string;
  /** {@link import('./principal.ts').Principal.digest} of who made the call. */
  readonly principal: string;
  /** Names the call within its replica. */
  readonly call: string;
  /** Rounds that were asked so far, from 1. */
  readonly round: number;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

const FORMAT = 3;
const ROUND_BYTES = 4;

/** Seals the claims for one server. */
export function sealState(key: SealKey, serverId: string, claims: StateClaims): string {
  const round = Buffer.alloc(ROUND_BYTES);
  round.writeUInt32BE(claims.round);
  const plain = [
    encodeTime(claims.expiresAt),
    encodeDigest(claims.principal),
    round,
    encodeText(claims.replica),
    encodeText(claims.call),
  ];
  return sealText(key, purposeOf(serverId), Buffer.concat(plain));
}

/** The claims, or undefined for what was not sealed by one of these keys for this server. */
export function openState(
  keys: readonly SealKey[],
  serverId: string,
  state: string,
): StateClaims | undefined {
  const plain = openText(keys, purposeOf(serverId), state);
  if (plain === undefined) return undefined;
  const reader = new ClaimReader(plain);
  return {
    expiresAt: reader.time(),
    principal: reader.digest(),
    round: reader.number(ROUND_BYTES),
    replica: reader.text(),
    call: reader.text(),
  };
}

function purposeOf(serverId: string): SealPurpose {
  return { format: FORMAT, binding: `berth request state\0${serverId}` };
}
