/** The log levels of the sessions on one shared process: it logs for the one that wants most, and each hears what it has asked for. */
import type { UpstreamMember } from '../upstream.ts';

/** Levels are counted as by `verbosity`: the lower, the more is logged. */
export class SharedLevels {
  readonly #wanted = new Map<UpstreamMember, number>();
  /** What the process was told last; undefined when it has taken none. */
  #told: number | undefined;

  /** `member` wants this level. Returns the one that the process has to be told; undefined when it logs like that already. */
  want(member: UpstreamMember, level: number): number | undefined {
    this.#wanted.set(member, level);
    return this.#change();
  }

  /** Takes a session's wish back; returns as {@link want} does. A process that nobody has a wish for is left as it is. */
  leave(member: UpstreamMember): number | undefined {
    return this.#wanted.delete(member) && this.#wanted.size > 0 ? this.#change() : undefined;
  }

  /** The process did not take the level. */
  refused(): void {
    this.#told = undefined;
  }

  /** Whether a log of this level is one that `member` wants to hear; of those who said nothing the server decides. */
  hears(member: UpstreamMember, level: number): boolean {
    return level < 0 || level >= (this.#wanted.get(member) ?? 0);
  }

  #change(): number | undefined {
    const most = Math.min(...this.#wanted.values());
    if (most === this.#told) return undefined;
    this.#told = most;
    return most;
  }
}
