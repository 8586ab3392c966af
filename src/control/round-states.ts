/** What is sealed into `requestState` between the rounds of a call: good for its caller, at any gateway, for ten minutes. */
import type { OwnSeal } from '../auth/own-seal.ts';
import type { CallPrincipal } from '../servers/server-calls.ts';

export interface RoundState {
  /** Digest of what the person was asked about. */
  readonly asked?: string;
  /** The state of the server that is called. */
  readonly inner?: string;
}

const PURPOSE = 'rounds of a call';
const GOOD_FOR = 10 * 60_000;

export class RoundStates {
  readonly #seal: OwnSeal;
  readonly #now: () => number;

  /** `now`: milliseconds since the epoch. */
  constructor(seal: OwnSeal, now: () => number = Date.now) {
    this.#seal = seal;
    this.#now = now;
  }

  mint(state: RoundState, { id }: Pick<CallPrincipal, 'id'>): string {
    const content = JSON.stringify({ ...state, until: this.#now() + GOOD_FOR });
    return this.#seal.seal(PURPOSE, id, Buffer.from(content));
  }

  /** Throws for what is not of this caller, or too old. */
  verify(text: string, { id }: Pick<CallPrincipal, 'id'>): RoundState {
    const content = this.#seal.open(PURPOSE, id, text);
    if (!content) throw new Error('unknown state');
    const { until, ...state } = JSON.parse(content.toString()) as RoundState & { until: number };
    if (this.#now() > until) throw new Error('the state is too old');
    return state;
  }
}
