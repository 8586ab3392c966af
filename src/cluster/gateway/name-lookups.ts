/** Questions of the API's callers for servers that the watch does not show: a few at one time, so that many leave room for everything else. */
import type { Clock } from '../../clock.ts';
import type { McpServer } from '../mcp-server.ts';
import { notKnown } from './unseen-servers.ts';

/** Half of the requests that a client has under way at one time. */
export const MOST_LOOKUPS = 8;
/** Milliseconds that a caller waits for its turn and the answer. */
export const LOOK_WITHIN = 10_000;

export interface NameLookupsOptions {
  /** As it is now; undefined when there is none. */
  readonly read: (name: string, signal: AbortSignal) => Promise<McpServer | undefined>;
  readonly clock: Clock;
}

export class NameLookups {
  readonly #options: NameLookupsOptions;
  /** Those whose turn it is not yet, in their order. */
  readonly #waiting = new Set<() => void>();
  #underWay = 0;

  constructor(options: NameLookupsOptions) {
    this.#options = options;
  }

  /** Rejects with `busy` when it cannot be found out in time, else with what the API server says. */
  async ask(name: string): Promise<McpServer | undefined> {
    const { read, clock } = this.#options;
    const late = new AbortController();
    const cancel = clock.after(LOOK_WITHIN, () => late.abort());
    try {
      await this.#turn(late.signal);
      return await read(name, late.signal).finally(() => this.#next());
    } catch (thrown) {
      throw late.signal.aborted ? notKnown(name, thrown) : thrown;
    } finally {
      cancel();
    }
  }

  #turn(signal: AbortSignal): Promise<void> {
    if (this.#underWay < MOST_LOOKUPS) {
      this.#underWay++;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        this.#waiting.delete(begin);
        reject(signal.reason);
      };
      this.#waiting.add(begin);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  #next(): void {
    const [begin] = this.#waiting;
    if (!begin) {
      this.#underWay--;
      return;
    }
    this.#waiting.delete(begin);
    begin();
  }
}
