/** The frames of Kubernetes' remote commands: one byte of channel number, then what the channel carries. */
import { ChunkList } from '../jsonrpc/chunk-list.ts';

export const V5 = 'v5.channel.k8s.io';
export const V4 = 'v4.channel.k8s.io';

export const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, status: 3, close: 255 } as const;

/** Bytes of a frame to the server, channel number included; it takes more, but then buffers much more. */
export const MOST_FRAME = 32 * 1024;

/** Ends the command's standard input; only v5 has it. */
export const CLOSE_STDIN = Buffer.from([CHANNEL.close, CHANNEL.stdin]);

/** Standard input on its way: what was written in pieces leaves in as few frames as possible. */
export class StdinQueue {
  readonly #chunks = new ChunkList();
  #parts: Buffer[] = [];
  #part = 0;
  #offset = 0;
  #size = 0;

  /** Bytes that wait. */
  get size(): number {
    return this.#size;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.add(chunk);
    this.#size += chunk.length;
  }

  /** The next frame; undefined when nothing waits. */
  take(): Buffer | undefined {
    if (this.#size === 0) return undefined;
    const frame = Buffer.allocUnsafe(1 + Math.min(this.#size, MOST_FRAME - 1));
    frame[0] = CHANNEL.stdin;
    for (let filled = 1; filled < frame.length; ) filled += this.#copy(frame, filled);
    this.#size -= frame.length - 1;
    return frame;
  }

  #copy(frame: Buffer, at: number): number {
    const part = this.#current();
    const copied = part.copy(frame, at, this.#offset);
    this.#offset += copied;
    if (this.#offset === part.length) {
      this.#part++;
      this.#offset = 0;
    }
    return copied;
  }

  #current(): Buffer {
    const part = this.#parts[this.#part];
    if (part) return part;
    this.#parts = this.#chunks.takeParts();
    this.#part = 0;
    return this.#parts[0] as Buffer;
  }
}
