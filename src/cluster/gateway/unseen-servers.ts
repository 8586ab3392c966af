/** Servers that the watch has not shown yet: the API server is asked for a name before it counts as nobody's. */
import type { Clock } from '../../clock.ts';
import { BerthError } from '../../errors.ts';
import { isServerName } from '../../servers/server-name.ts';
import { unlessInspection } from '../inspection.ts';
import type { McpServer } from '../mcp-server.ts';

/** Milliseconds that a request waits for the answer. */
export const ASK_WITHIN = 2_000;
/** Milliseconds for which a name that nobody has is not asked for again. */
export const ABSENT_FOR = 2_000;
/** Milliseconds in which the watch must show what was found. */
const FOUND_FOR = 60_000;
/** Names that are asked for at one time: whoever tries names out does not keep the API server busy. */
export const MOST_ASKED = 16;
/** Names that are remembered as nobody's. */
const MOST_ABSENT = 1_000;

export interface UnseenServersOptions {
  /** As it is now; undefined when there is none. */
  readonly read: (name: string, signal: AbortSignal) => Promise<McpServer | undefined>;
  readonly clock: Clock;
}

interface Found {
  readonly resource: McpServer;
  readonly until: number;
}

export class UnseenServers {
  readonly #options: UnseenServersOptions;
  readonly #found = new Map<string, Found>();
  /** Until when (a clock reading) each of them counts as nobody's. */
  readonly #absent = new Map<string, number>();
  readonly #asking = new Map<string, Promise<void>>();

  constructor(options: UnseenServersOptions) {
    this.#options = options;
  }

  /** As it was when it was asked for. */
  get(name: string): McpServer | undefined {
    const found = this.#found.get(name);
    if (!found || found.until > this.#options.clock.now()) return found?.resource;
    this.forget(name);
    return undefined;
  }

  /** The watch shows it. */
  forget(name: string): void {
    this.#found.delete(name);
  }

  /** Whether it may be somebody's, for all that is known: not a name that no server can have, or that was nobody's a moment ago. */
  isOpen(name: string): boolean {
    return isServerName(name) && !this.#isAbsent(name);
  }

  /** Resolves when it is known whether there is such a server; rejects with `busy` where that cannot be found out now. One question for all who wait. */
  ask(name: string): Promise<void> {
    const asking = this.#asking.get(name);
    if (asking) return asking;
    if (this.#asking.size >= MOST_ASKED) return Promise.reject(notKnown(name));
    const asked = this.#read(name).finally(() => this.#asking.delete(name));
    this.#asking.set(name, asked);
    return asked;
  }

  async #read(name: string): Promise<void> {
    const { read, clock } = this.#options;
    const late = new AbortController();
    const cancel = clock.after(ASK_WITHIN, () => late.abort());
    try {
      const resource = unlessInspection(await read(name, late.signal));
      if (resource) this.#found.set(name, { resource, until: clock.now() + FOUND_FOR });
      else this.#remember(name, clock.now() + ABSENT_FOR);
    } catch (cause) {
      throw notKnown(name, cause);
    } finally {
      cancel();
    }
  }

  #isAbsent(name: string): boolean {
    const until = this.#absent.get(name);
    if (until === undefined || until > this.#options.clock.now()) return until !== undefined;
    this.#absent.delete(name);
    return false;
  }

  #remember(name: string, until: number): void {
    this.#absent.set(name, until);
    if (this.#absent.size <= MOST_ABSENT) return;
    for (const oldest of this.#absent.keys()) {
      this.#absent.delete(oldest);
      return;
    }
  }
}

/** Nothing is said of the name: the cluster has not answered. */
export function notKnown(name: string, cause?: unknown): BerthError {
  return new BerthError('busy', `it cannot be found out now whether there is a server ${name}`, {
    cause,
    hint: 'The cluster has not answered in time. Try again shortly.',
  });
}
