/**
 * Sealed `requestState`: names a parked call to a gateway, or holds a modern server's own state, and tells nobody else anything
 * (data-path.md 5.4, 7.1).
 */
import { ClaimReader, encodeDigest, encodeText, encodeTime } from './claim-bytes.ts';
import { faceOf, openText, type SealKey, type SealPurpose, sealText } from './sealed-text.ts';

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

/** A modern server's own state, as its client holds it. How long it is good for, the server knows. */
export interface ServerStateClaims {
  /** Where it was given out. */
  readonly replica: string;
  /** {@link import('./principal.ts').Principal.digest} of whom it was given to: a server over stdio cannot tell its callers apart. */
  readonly principal: string;
  /** The JSON text of the server's state, byte for byte. */
  readonly state: Buffer;
}

const FORMAT = 3;
const SERVER_FORMAT = 4;
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

/** Seals a server's own state for that server. A third longer than the state itself. */
export function sealServerState(
  key: SealKey,
  serverId: string,
  { replica, principal, state }: ServerStateClaims,
): string {
  const plain = Buffer.concat([encodeDigest(principal), encodeText(replica), state]);
  return sealText(key, serverPurposeOf(serverId), plain);
}

/** The claims, or undefined for what was not sealed by one of these keys for this server. */
export function openServerState(
  keys: readonly SealKey[],
  serverId: string,
  state: string,
): ServerStateClaims | undefined {
  const plain = openText(keys, serverPurposeOf(serverId), state);
  if (plain === undefined) return undefined;
  const reader = new ClaimReader(plain);
  return { principal: reader.digest(), replica: reader.text(), state: reader.rest() };
}

/** Whether a state begins as those that these keys seal do. What cannot be opened then was altered, or sealed for another server. */
export function looksSealed(keys: readonly SealKey[], state: string): boolean {
  const format = faceOf(keys, state)?.format;
  return format === FORMAT || format === SERVER_FORMAT;
}

function purposeOf(serverId: string): SealPurpose {
  return { format: FORMAT, binding: `berth request state\0${serverId}` };
}

/** The length of a message bounds that of its state. */
function serverPurposeOf(serverId: string): SealPurpose {
  return {
    format: SERVER_FORMAT,
    binding: `berth server state\0${serverId}`,
    longest: Number.POSITIVE_INFINITY,
  };
}
