/** What every channel does with the text of one message from the server. */
import { isUtf8 } from 'node:buffer';
import { type Envelope, scanServerMessage } from '../jsonrpc/envelope.ts';
import type { ChannelHandler, ChannelStats } from './channel.ts';

/** A message from the server: its bytes and their envelope. */
export interface InboundMessage {
  readonly bytes: Buffer;
  readonly envelope: Envelope;
}

/** Scans lines, tells messages from noise, and keeps the counts. */
export class Inbound {
  readonly #onNoise: ((line: Buffer) => void) | undefined;
  #handler: ChannelHandler | undefined;
  #messagesIn = 0;
  #bytesIn = 0;
  #noiseLines = 0;
  #oversized = 0;
  messagesOut = 0;
  bytesOut = 0;

  /** `onNoise` gets what is no message, whoever holds the channel. */
  constructor(onNoise?: (line: Buffer) => void) {
    this.#onNoise = onNoise;
  }

  get handler(): ChannelHandler | undefined {
    return this.#handler;
  }

  set handler(handler: ChannelHandler | undefined) {
    this.#handler = handler;
  }

  get stats(): ChannelStats {
    return {
      messagesIn: this.#messagesIn,
      messagesOut: this.messagesOut,
      bytesIn: this.#bytesIn,
      bytesOut: this.bytesOut,
      noiseLines: this.#noiseLines,
      oversized: this.#oversized,
    };
  }

  line(bytes: Buffer): void {
    if (bytes.length === 0) return;
    const text = toUtf8(bytes);
    const envelope = this.#scan(text);
    if (envelope) this.#handler?.message(text, envelope);
  }

  /** The message that a line is, for the caller to deliver; noise is told to whoever wants it. */
  read(bytes: Buffer): InboundMessage | undefined {
    if (bytes.length === 0) return undefined;
    const text = toUtf8(bytes);
    const envelope = this.#scan(text);
    return envelope && { bytes: text, envelope };
  }

  oversized(id: string | undefined, bytes: number, asks: boolean): void {
    this.#oversized++;
    this.#handler?.oversized(id, bytes, asks);
  }

  #scan(text: Buffer): Envelope | undefined {
    const { envelope } = scanServerMessage(text);
    if (envelope) {
      this.#messagesIn++;
      this.#bytesIn += text.length;
    } else {
      this.#noiseLines++;
      this.#onNoise?.(text);
      this.#handler?.noise(text);
    }
    return envelope;
  }
}

/** Clients get UTF-8 or nothing (WebSocket closes on anything else): a stray byte is replaced rather than the answer lost. */
function toUtf8(bytes: Buffer): Buffer {
  return isUtf8(bytes) ? bytes : Buffer.from(bytes.toString('utf8'));
}
