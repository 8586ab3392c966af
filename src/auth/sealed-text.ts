/**
 * Texts that only gateways can read: AES-256-GCM over some bytes, bound to what they are for. The format and the name of the
 * key stand in front.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

export interface SealKey {
  /** Exactly 4 bytes, base64url. */
  readonly name: string;
  /** 32 bytes. */
  readonly secret: Buffer;
}

/** What a sealed text is good for: opened for anything else, it is nothing. */
export interface SealPurpose {
  /** First byte of the text; another layout of the bytes gets another one. */
  readonly format: number;
  /** Associated data. */
  readonly binding: string;
  /** Characters of the longest text that is looked into; 1,024 unless given. */
  readonly longest?: number;
}

const NAME_BYTES = 4;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + NAME_BYTES + IV_BYTES;
/** Characters that hold format and name of the key. */
const FACE_LENGTH = 8;
const MAX_LENGTH = 1_024;

/** A text of ASCII letters, digits, `-` and `_`, different each time. */
export function sealText(key: SealKey, purpose: SealPurpose, plain: Buffer): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key.secret, iv).setAAD(Buffer.from(purpose.binding));
  const sealed = cipher.update(plain);
  const head = [Buffer.of(purpose.format), Buffer.from(key.name, 'base64url'), iv];
  return Buffer.concat([...head, sealed, cipher.final(), cipher.getAuthTag()]).toString('base64url');
}

/** The bytes, or undefined for what was not sealed by one of these keys for this purpose. */
export function openText(keys: readonly SealKey[], purpose: SealPurpose, text: string): Buffer | undefined {
  const face = faceOf(keys, text);
  if (face?.format !== purpose.format || text.length > (purpose.longest ?? MAX_LENGTH)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length <= HEAD_BYTES + TAG_BYTES) return undefined;
  // base64url has several spellings of the same bytes; one sealed thing must have one text
  if (bytes.toString('base64url') !== text) return undefined;
  return decrypt(face.key, purpose, bytes);
}

/** What a text says in front that it is, before it is opened; undefined for what names none of these keys. */
export function faceOf(
  keys: readonly SealKey[],
  text: string,
): { readonly format: number; readonly key: SealKey } | undefined {
  const bytes = Buffer.from(text.slice(0, FACE_LENGTH), 'base64url');
  if (bytes.length <= NAME_BYTES) return undefined;
  const name = bytes.toString('base64url', 1, 1 + NAME_BYTES);
  const key = keys.find((candidate) => candidate.name === name);
  return key && { format: bytes[0] as number, key };
}

function decrypt(key: SealKey, purpose: SealPurpose, bytes: Buffer): Buffer | undefined {
  const end = bytes.length - TAG_BYTES;
  const iv = bytes.subarray(1 + NAME_BYTES, HEAD_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', key.secret, iv)
    .setAAD(Buffer.from(purpose.binding))
    .setAuthTag(bytes.subarray(end));
  try {
    const plain = decipher.update(bytes.subarray(HEAD_BYTES, end));
    decipher.final();
    return plain;
  } catch {
    return undefined;
  }
}
