/** Bytes in the order they came: large chunks are kept as they are, many small ones are gathered. */

/** Below this a chunk costs less to copy than to keep: a buffer object weighs some hundred bytes, and may hold on to a whole read. */
const SMALL = 1_024;
const GATHERED = 16 * 1_024;

export class ChunkList {
  #parts: Buffer[] = [];
  #size = 0;
  #tail: Buffer | undefined;
  #filled = 0;

  /** Bytes in all. */
  get size(): number {
    return this.#size;
  }

  /** Buffers that are held for them. */
  get held(): number {
    return this.#parts.length + (this.#filled > 0 ? 1 : 0);
  }

  add(chunk: Buffer): void {
    const first = this.#size === 0;
    this.#size += chunk.length;
    if (first || chunk.length >= SMALL) {
      this.#settle();
      this.#parts.push(chunk);
    } else this.#gather(chunk);
  }

  /** All bytes in one buffer, without a copy when they came in one chunk; the list is empty afterwards. */
  take(): Buffer {
    const parts = this.takeParts();
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
  }

  /** The same bytes as the buffers that hold them. */
  takeParts(): Buffer[] {
    this.#settle();
    this.#tail = undefined;
    this.#size = 0;
    const parts = this.#parts;
    if (parts.length > 0) this.#parts = [];
    return parts;
  }

  #gather(chunk: Buffer): void {
    if (this.#filled + chunk.length > GATHERED) this.#settle();
    this.#tail ??= Buffer.allocUnsafe(GATHERED);
    chunk.copy(this.#tail, this.#filled);
    this.#filled += chunk.length;
  }

  #settle(): void {
    if (this.#filled === 0 || this.#tail === undefined) return;
    this.#parts.push(Buffer.from(this.#tail.subarray(0, this.#filled)));
    this.#filled = 0;
  }
}
