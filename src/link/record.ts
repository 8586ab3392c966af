/**
 * Records: what travels in one HTTP/2 stream of a link, each with its length in front.
 *
 * Layout: 4 bytes length of the rest, 1 byte type, 4 bytes reference (an operation's number, chosen by the gateway), body.
 * Numbers are big-endian. A receiver skips types that it does not know and bytes behind a body's last known field, so that
 * neighbouring link versions understand each other.
 */

/** Types below 16 go to the supervisor, the others to the gateway; `hello` goes both ways. */
export const RECORD = {
  hello: 1,
  target: 2,
  call: 3,
  note: 4,
  attach: 5,
  credit: 6,
  detach: 7,
  end: 8,
  /** On the hello's stream, from link version 2 on. */
  ask: 9,
  accepted: 16,
  refused: 17,
  event: 18,
  ended: 19,
  noted: 20,
  /** An event that asks for input: its park record stands before the message. */
  parked: 21,
  answer: 22,
  /** On the hello's stream: the supervisor is about to end and takes nothing new; what it is asked for yet it answers. */
  leaving: 23,
} as const;

export type RecordType = (typeof RECORD)[keyof typeof RECORD];

export interface LinkRecord {
  /** One of {@link RECORD}, or something newer. */
  readonly type: number;
  readonly ref: number;
  /** A view of what was received. */
  readonly body: Buffer;
}

const LENGTH = 4;
/** Bytes in front of a record's body. */
export const RECORD_HEAD = LENGTH + 5;
/** Longest record that is taken, in bytes: no message of ours comes near it. */
const MOST_BYTES = 256 * 1024 * 1024;

/**
 * The head of a record with room for `fixed` bytes of its body behind it (from {@link RECORD_HEAD} on); `more` bytes of body
 * follow in buffers of their own.
 */
export function startRecord(
  type: RecordType,
  ref: number,
  size: { readonly fixed: number; readonly more?: number },
): Buffer {
  const head = Buffer.allocUnsafe(RECORD_HEAD + size.fixed);
  head.writeUInt32BE(RECORD_HEAD - LENGTH + size.fixed + (size.more ?? 0), 0);
  head[LENGTH] = type;
  head.writeUInt32BE(ref, LENGTH + 1);
  return head;
}

/** Cuts a byte stream into records; a record that came in one chunk is not copied. */
export class RecordSplitter {
  readonly #take: (record: LinkRecord) => void;
  #parts: Buffer[] = [];
  #size = 0;
  /** Bytes with which it is worth looking again. */
  #wanted = 0;

  constructor(take: (record: LinkRecord) => void) {
    this.#take = take;
  }

  /** Throws RangeError for a record that no peer of ours sends. */
  push(chunk: Buffer): void {
    let data = chunk;
    if (this.#size > 0) {
      this.#parts.push(chunk);
      this.#size += chunk.length;
      if (this.#size < this.#wanted) return;
      data = Buffer.concat(this.#parts, this.#size);
      this.#parts = [];
      this.#size = 0;
    }
    this.#hold(data, this.#cut(data));
  }

  /** Returns where the first incomplete record begins. */
  #cut(data: Buffer): number {
    let at = 0;
    while (data.length - at >= LENGTH) {
      const end = at + LENGTH + lengthAt(data, at);
      if (end > data.length) break;
      const type = data[at + LENGTH] as number;
      const ref = data.readUInt32BE(at + LENGTH + 1);
      this.#take({ type, ref, body: data.subarray(at + RECORD_HEAD, end) });
      at = end;
    }
    return at;
  }

  #hold(data: Buffer, from: number): void {
    if (from === data.length) return;
    const rest = data.subarray(from);
    this.#parts = [rest];
    this.#size = rest.length;
    this.#wanted = rest.length < LENGTH ? LENGTH : LENGTH + lengthAt(rest, 0);
  }
}

function lengthAt(data: Buffer, at: number): number {
  const length = data.readUInt32BE(at);
  if (length < RECORD_HEAD - LENGTH || length > MOST_BYTES)
    throw new RangeError(`a record of ${length} bytes`);
  return length;
}
