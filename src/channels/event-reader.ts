/** Server-sent events out of bytes, in whatever pieces they come: data is passed on in ranges and joined once, up to a limit. */
import { LineSplitter } from '../jsonrpc/framing.ts';

export interface EventReceiver {
  /** The data of one event; the buffer is the receiver's to keep. `type` is `message` unless the server says otherwise. */
  event(data: Buffer, type: string): void;
  /** The data of an event passed the limit and was thrown away. `id`: raw text of its top-level JSON-RPC id, if there was one. */
  oversized(id: string | undefined, bytes: number, asks: boolean): void;
}

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;
const END = Buffer.from('\n');
/** Joins the data lines of one event: white space between tokens, and never part of a string, as a line break would be. */
const JOIN = Buffer.from('\r');
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
/** Bytes of a field name or a value (of anything but data) beyond which it means nothing. */
const FIELD_BYTES = 4_096;
/** Could not be sent back in a header. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/;

type State = 'name' | 'space' | 'data' | 'value';

export class EventReader {
  readonly #data: LineSplitter;
  #state: State = 'name';
  #name = '';
  #value = '';
  #hasData = false;
  #type = '';
  #id: string | undefined;
  #afterCr = false;
  #begun = false;
  #lastEventId: string | undefined;
  #retryMs: number | undefined;

  /** `maxBytes`: of the data of one event. */
  constructor(maxBytes: number, receiver: EventReceiver) {
    this.#data = new LineSplitter(maxBytes, {
      line: (bytes) => receiver.event(bytes, this.#type === '' ? 'message' : this.#type),
      oversized: (id, bytes, asks) => receiver.oversized(id, bytes, asks),
    });
  }

  /** The id of the newest whole event; an event without one keeps that of the event before. */
  get lastEventId(): string | undefined {
    return this.#lastEventId;
  }

  /** Milliseconds that the server wants to pass before the stream is opened again. */
  get retryMs(): number | undefined {
    return this.#retryMs;
  }

  push(chunk: Buffer): void {
    let at = this.#begun ? 0 : this.#skipMark(chunk);
    // Looked for once per chunk, not once per line: most streams have no carriage return at all.
    let nextCr = chunk.indexOf(CR, at);
    while (at < chunk.length) {
      if (this.#afterCr) {
        this.#afterCr = false;
        if (chunk[at] === LF && ++at === chunk.length) break;
      }
      if (nextCr >= 0 && nextCr < at) nextCr = chunk.indexOf(CR, at);
      const lf = chunk.indexOf(LF, at);
      const end = Math.min(lf < 0 ? chunk.length : lf, nextCr < 0 ? chunk.length : nextCr);
      this.#take(chunk, at, end);
      if (end === chunk.length) break;
      this.#endLine();
      this.#afterCr = chunk[end] === CR;
      at = end + 1;
    }
  }

  /** A mark that comes in two pieces is only part of a field's name, and such a field means nothing. */
  #skipMark(chunk: Buffer): number {
    this.#begun = chunk.length > 0;
    return chunk.subarray(0, 3).equals(BYTE_ORDER_MARK) ? 3 : 0;
  }

  /** A part of a line, without its break. */
  #take(chunk: Buffer, from: number, to: number): void {
    let at = from;
    if (this.#state === 'name') {
      const colon = chunk.subarray(at, to).indexOf(COLON);
      const end = colon < 0 ? to : at + colon;
      if (this.#name.length < FIELD_BYTES) this.#name += chunk.toString('latin1', at, end);
      if (colon < 0) return;
      at = end + 1;
      this.#state = 'space';
    }
    if (at === to) return;
    if (this.#state === 'space') {
      if (chunk[at] === SPACE) at++;
      this.#beginValue();
    }
    if (this.#state === 'data') {
      if (to > at) this.#data.push(chunk.subarray(at, to));
    } else if (this.#value.length <= FIELD_BYTES) this.#value += chunk.toString('latin1', at, to);
  }

  #beginValue(): void {
    this.#state = this.#name === 'data' ? 'data' : 'value';
    if (this.#state !== 'data') return;
    if (this.#hasData) this.#data.push(JOIN);
    this.#hasData = true;
  }

  #endLine(): void {
    if (this.#state === 'name' && this.#name === '') return this.#dispatch();
    // A field without a colon, or with nothing behind it, has the empty value.
    if (this.#state === 'name' || this.#state === 'space') this.#beginValue();
    if (this.#state === 'value') this.#field(this.#name, Buffer.from(this.#value, 'latin1').toString('utf8'));
    this.#state = 'name';
    this.#name = '';
    this.#value = '';
  }

  #field(name: string, value: string): void {
    if (value.length > FIELD_BYTES) return;
    if (name === 'event') this.#type = value;
    else if (name === 'id' && !CONTROL.test(value)) this.#id = value;
    else if (name === 'retry' && /^\d{1,9}$/.test(value)) this.#retryMs = Number(value);
  }

  #dispatch(): void {
    if (this.#id !== undefined) this.#lastEventId = this.#id;
    if (this.#hasData) this.#data.push(END);
    this.#hasData = false;
    this.#type = '';
  }
}
