/** What a full-size case is: a bounded program against a gateway in a process of its own, and what it found. */
import type { TestServer } from '../../test/support/gateway.ts';
import type { GatewayProcess } from './gateway.ts';

/** One measured figure beside its bar. */
export interface Finding {
  /** What was done, with its size. */
  readonly what: string;
  readonly measured: string;
  readonly bar: string;
  /** Undefined for a figure that has no bar. */
  readonly met: boolean | undefined;
}

export interface FullContext {
  /** Starts a gateway that ends with the case; `keys` are names and plain keys. */
  gateway(servers: readonly TestServer[], keys?: Readonly<Record<string, string>>): Promise<GatewayProcess>;
  /** Seconds of each long load (T-20). */
  readonly seconds: number;
  log(text: string): void;
}

export interface FullCase {
  /** Row of the threat or fault table. */
  readonly row: string;
  readonly run: (context: FullContext) => Promise<Finding[]>;
}

/** A finding with a bar. */
export function bar(what: string, measured: string, wanted: string, met: boolean): Finding {
  return { what, measured, bar: wanted, met };
}

/** A figure without a bar. */
export function figure(what: string, measured: string): Finding {
  return { what, measured, bar: '–', met: undefined };
}
