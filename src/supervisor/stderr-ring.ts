/** The newest stderr lines of one process, bounded in every direction, fit to be shown. */
import type { Clock } from '../clock.ts';
import type { Scrubber } from './stderr-scrub.ts';

export interface StderrLimits {
  readonly maxLines: number;
  /** Characters of all lines kept. */
  readonly maxBytes: number;
  /** Bytes of one line; the rest of it is thrown away. */
  readonly lineBytes: number;
  /** Bytes per second that are kept; what comes faster is counted and thrown away, but for the very last of it. */
  readonly rateBytes: number;
  /** Bytes that may come at once before the rate counts. */
  readonly burstBytes: number;
}

export const DEFAULT_STDERR: StderrLimits = {
  maxLines: 500,
  maxBytes: 256 * 1024,
  lineBytes: 8 * 1024,
  rateBytes: 64 * 1024,
  burstBytes: 512 * 1024,
};

const NEWLINE = 0x0a;
/** Of each chunk thrown away this much is remembered: after a flood the last words are the ones that matter. */
const LAST_BYTES = 4 * 1024;

/** Takes bytes, keeps lines. Lines end at LF or CR; empty ones are left out. */
export class StderrRing {
  readonly #limits: StderrLimits;
  readonly #scrubber: Scrubber;
  readonly #clock: Clock;
  readonly #listeners = new Set<(text: string) => void>();
  readonly #lines: string[] = [];
  #size = 0;
  #partial: Buffer | undefined;
  #filled = 0;
  #cut = 0;
  #skipping = false;
  #tokens: number;
  #counted: number;
  #dropped = 0;
  #droppedTotal = 0;
  #last: Buffer | undefined;

  constructor(options: {
    readonly limits?: StderrLimits;
    readonly scrubber: Scrubber;
    readonly clock: Clock;
  }) {
    this.#limits = options.limits ?? DEFAULT_STDERR;
    this.#scrubber = options.scrubber;
    this.#clock = options.clock;
    this.#tokens = this.#limits.burstBytes;
    this.#counted = options.clock.now();
  }

  /** Bytes thrown away by the rate limit so far. */
  get dropped(): number {
    return this.#droppedTotal;
  }

  write(chunk: Buffer): void {
    if (!this.#affords(chunk.length)) this.#drop(chunk);
    else {
      if (this.#dropped > 0) this.#report();
      this.#take(chunk);
    }
  }

  /** Puts a line beside those of stderr; `cut`: more of it followed. */
  note(text: string, cut: boolean): void {
    const { clean, cleanCut } = this.#scrubber;
    this.#push(cut ? `${cleanCut(text)} […]` : clean(text));
  }

  /** No more bytes will come: what is left of the last line, or of a flood, becomes lines. */
  end(): void {
    const last = this.#last;
    if (this.#dropped > 0) {
      this.#report();
      if (last) this.#take(last);
    }
    this.#flush();
  }

  /** The newest lines, oldest first, with an unfinished one as the last. */
  tail(lines: number): string[] {
    const unfinished = this.#filled > 0 ? [this.#text(true)] : [];
    const flood = this.#dropped > 0 ? [this.#floodText()] : [];
    return lines > 0
      ? [...this.#lines, ...unfinished, ...flood].filter((line) => line !== '').slice(-lines)
      : [];
  }

  /** Calls `listener` for every further line; returns the unsubscribe. */
  subscribe(listener: (text: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #affords(bytes: number): boolean {
    const now = this.#clock.now();
    const { rateBytes, burstBytes } = this.#limits;
    this.#tokens = Math.min(burstBytes, this.#tokens + ((now - this.#counted) / 1000) * rateBytes);
    this.#counted = now;
    // During a flood the pipe's chunks are large: wait for a whole second's worth before listening again.
    const needed = this.#dropped > 0 ? Math.max(bytes, Math.min(rateBytes, burstBytes)) : bytes;
    if (this.#tokens < needed) return false;
    this.#tokens -= bytes;
    return true;
  }

  #drop(chunk: Buffer): void {
    if (this.#dropped === 0) {
      if (this.#filled > 0) this.#cut++;
      this.#flush();
    }
    this.#dropped += chunk.length;
    this.#droppedTotal += chunk.length;
    this.#last = Buffer.from(chunk.subarray(-LAST_BYTES));
  }

  #report(): void {
    this.#push(this.#floodText());
    this.#dropped = 0;
    this.#last = undefined;
    // The next bytes may be the second half of a line, and of a secret in it.
    this.#skipping = true;
  }

  #floodText(): string {
    return `[berth: ${this.#dropped} bytes of stderr thrown away, more than ${this.#limits.rateBytes} per second]`;
  }

  #take(chunk: Buffer): void {
    let at = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, at)) {
      this.#append(chunk, at, end);
      this.#flush();
      this.#skipping = false;
      at = end + 1;
    }
    this.#append(chunk, at, chunk.length);
  }

  #append(chunk: Buffer, from: number, to: number): void {
    if (this.#skipping || to === from) return;
    this.#partial ??= Buffer.allocUnsafe(this.#limits.lineBytes);
    const copied = chunk.copy(this.#partial, this.#filled, from, to);
    this.#filled += copied;
    this.#cut += to - from - copied;
  }

  #flush(): void {
    if (this.#filled === 0) return;
    const lines = this.#text(this.#cut > 0).split('\r');
    if (this.#cut > 0) lines.push(`${lines.pop() ?? ''} […]`);
    this.#partial = undefined;
    this.#filled = 0;
    this.#cut = 0;
    for (const line of lines) if (line.trim() !== '') this.#push(line);
  }

  /** The line so far, still with its CRs; `cut`: more of it was thrown away or is yet to come. */
  #text(cut: boolean): string {
    const parts = (this.#partial?.toString('utf8', 0, this.#filled) ?? '').split('\r');
    const last = parts.length - 1;
    const { clean, cleanCut } = this.#scrubber;
    return parts.map((part, i) => (cut && i === last ? cleanCut(part) : clean(part))).join('\r');
  }

  #push(line: string): void {
    this.#lines.push(line);
    this.#size += line.length;
    while (this.#lines.length > this.#limits.maxLines || this.#size > this.#limits.maxBytes) {
      this.#size -= this.#lines.shift()?.length ?? 0;
    }
    for (const listener of this.#listeners) listener(line);
  }
}
