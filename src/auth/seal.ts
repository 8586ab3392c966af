/**
 * Sealed session ids: a public id says, to a gateway only, where its session lives and whose it is.
 * AES-256-GCM over the claims, with the server's UUID as associated data; the name of the key stands in front.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

export interface SealKey {
  /** Exactly 4 bytes, base64url. */
  readonly name: string;
  /** 32 bytes. */
  readonly secret: Buffer;
}

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
  /** A fresh id of ASCII letters, digits, `-` and `_`. */
  seal(serverId: string, claims: SessionClaims): string;
  /** The claims, or undefined for what was not sealed by these keys for this server. */
  open(id: string, serverId: string): SessionClaims | undefined;
  /** Takes other keys and forgets every opened id. */
  setKeys(keys: readonly SealKey[]): void;
}

const FORMAT = 2;
const NAME_BYTES = 4;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + NAME_BYTES + IV_BYTES;
const DIGEST_BYTES = 16;
const TIME_BYTES = 6;
/** Position of the byte that says how the session is delivered. */
const DELIVERY_AT = TIME_BYTES + DIGEST_BYTES;
const MAX_ID_LENGTH = 1_024;
const MAX_TEXT_BYTES = 255;
const DEFAULT_REMEMBERED = 16_384;

/** `keys`: the current one, which seals, then previous ones, which still open. `remember`: opened ids kept at most. */
export function createSealer(options: {
  readonly keys: readonly SealKey[];
  readonly remember?: number;
}): Sealer {
  const { remember = DEFAULT_REMEMBERED } = options;
  let keys = options.keys;
  const opened = new Map<string, { readonly serverId: string; readonly claims: SessionClaims }>();
  return {
    seal(serverId, claims) {
      const [current] = keys;
      if (!current) throw new Error('a sealer needs a key');
      return sealWith(current, serverId, claims);
    },
    open(id, serverId) {
      const known = opened.get(id);
      if (known !== undefined) return known.serverId === serverId ? known.claims : undefined;
      const claims = openWith(keys, id, serverId);
      if (claims !== undefined) {
        if (opened.size >= remember) forgetOldest(opened);
        opened.set(id, { serverId, claims });
      }
      return claims;
    },
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

function sealWith(key: SealKey, serverId: string, claims: SessionClaims): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key.secret, iv).setAAD(associatedData(serverId));
  const sealed = cipher.update(encodeClaims(claims));
  const head = [Buffer.of(FORMAT), Buffer.from(key.name, 'base64url'), iv];
  return Buffer.concat([...head, sealed, cipher.final(), cipher.getAuthTag()]).toString('base64url');
}

function openWith(keys: readonly SealKey[], id: string, serverId: string): SessionClaims | undefined {
  if (id.length > MAX_ID_LENGTH) return undefined;
  const bytes = Buffer.from(id, 'base64url');
  // base64url has several spellings of the same bytes; one session must have one id
  if (bytes.length <= HEAD_BYTES + TAG_BYTES || bytes[0] !== FORMAT || bytes.toString('base64url') !== id)
    return undefined;
  const name = bytes.toString('base64url', 1, 1 + NAME_BYTES);
  const key = keys.find((candidate) => candidate.name === name);
  return key && decrypt(bytes, key, serverId);
}

function decrypt(bytes: Buffer, key: SealKey, serverId: string): SessionClaims | undefined {
  const end = bytes.length - TAG_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', key.secret, bytes.subarray(1 + NAME_BYTES, HEAD_BYTES))
    .setAAD(associatedData(serverId))
    .setAuthTag(bytes.subarray(end));
  try {
    const plain = decipher.update(bytes.subarray(HEAD_BYTES, end));
    decipher.final();
    return decodeClaims(plain);
  } catch {
    return undefined;
  }
}

function associatedData(serverId: string): Buffer {
  return Buffer.from(`berth session\0${serverId}`);
}

function encodeClaims(claims: SessionClaims): Buffer {
  const time = Buffer.alloc(TIME_BYTES);
  time.writeUIntBE(claims.issuedAt, 0, TIME_BYTES);
  const digest = Buffer.from(claims.principal, 'base64url');
  if (digest.length !== DIGEST_BYTES) throw new Error('a principal digest has 16 bytes');
  const delivery = Buffer.of(claims.delivery === 'single' ? 1 : 0);
  return Buffer.concat([time, digest, delivery, encodeText(claims.replica), encodeText(claims.nonce)]);
}

function encodeText(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length > MAX_TEXT_BYTES) throw new Error('a replica name and a nonce have at most 255 bytes');
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}

function decodeClaims(plain: Buffer): SessionClaims {
  const texts = DELIVERY_AT + 1;
  const nonceAt = texts + 1 + plain.readUInt8(texts);
  return Object.freeze({
    issuedAt: plain.readUIntBE(0, TIME_BYTES),
    principal: plain.toString('base64url', TIME_BYTES, DELIVERY_AT),
    replica: plain.toString('utf8', texts + 1, nonceAt),
    nonce: plain.toString('utf8', nonceAt + 1, nonceAt + 1 + plain.readUInt8(nonceAt)),
    ...(plain[DELIVERY_AT] === 1 && { delivery: 'single' as const }),
  });
}
