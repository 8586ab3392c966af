/** How many servers there are in which state, and what is known of each; made when somebody asks. */
import type { StatusState } from './server-view.ts';

export interface ServerFacts {
  readonly name: string;
  readonly state: StatusState;
  /** Of its newest handshake. */
  readonly tools?: number;
  readonly capabilities?: number;
  /** Of its specification. */
  readonly dependencies?: number;
  readonly check?: { readonly passed: boolean; readonly at: number };
}
