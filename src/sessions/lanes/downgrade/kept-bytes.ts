/** Bytes that a lane keeps for calls whose servers may ask back: requests, states and answers. A client and a server could agree on very many. */

/** Bytes that one lane keeps at most. */
const MOST_KEPT = 32 * 1024 * 1024;

export class KeptBytes {
  #kept = 0;

  /** False when there is no more room. */
  take(bytes: number): boolean {
    if (this.#kept + bytes > MOST_KEPT) return false;
    this.#kept += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#kept -= bytes;
  }
}
