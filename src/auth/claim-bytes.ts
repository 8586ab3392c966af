/** Claims as bytes: fixed-width numbers, digests, and texts with their length in front. */

const DIGEST_BYTES = 16;
/** Bytes of a time in milliseconds since the epoch. */
const TIME_BYTES = 6;
const MAX_TEXT_BYTES = 255;

/** `time`: milliseconds since the epoch. */
export function encodeTime(time: number): Buffer {
  const bytes = Buffer.alloc(TIME_BYTES);
  bytes.writeUIntBE(time, 0, TIME_BYTES);
  return bytes;
}

/** `digest`: base64url, as of a principal. */
export function encodeDigest(digest: string): Buffer {
  const bytes = Buffer.from(digest, 'base64url');
  if (bytes.length !== DIGEST_BYTES) throw new Error('a principal digest has 16 bytes');
  return bytes;
}

/** At most 255 bytes of UTF-8. */
export function encodeText(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length > MAX_TEXT_BYTES) throw new Error('a text in a claim has at most 255 bytes');
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}

/** Reads what the encoders wrote, in the same order. */
export class ClaimReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  number(width: number): number {
    this.#at += width;
    return this.#bytes.readUIntBE(this.#at - width, width);
  }

  time(): number {
    return this.number(TIME_BYTES);
  }

  digest(): string {
    this.#at += DIGEST_BYTES;
    return this.#bytes.toString('base64url', this.#at - DIGEST_BYTES, this.#at);
  }

  text(): string {
    const length = this.number(1);
    this.#at += length;
    return this.#bytes.toString('utf8', this.#at - length, this.#at);
  }

  /** All that is left. */
  rest(): Buffer {
    return this.#bytes.subarray(this.#at);
  }
}
