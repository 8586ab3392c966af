/** What the command line needs of the machine, so that tests run it without one. */
import type { Cancel } from '../clock.ts';
import type { KeyCommands } from './key-commands.ts';

/** A gateway in this process. */
export interface RunningGateway {
  readonly url: string;
  /** Ends sessions and processes; idempotent. */
  close(): Promise<void>;
}

export interface CliSystem {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** True when a person reads standard output and can answer. */
  readonly interactive: boolean;
  out(text: string): void;
  err(text: string): void;
  readonly fetch: typeof fetch;
  readFile(path: string): Promise<string>;
  /** Asks a yes-or-no question; an empty answer is yes. */
  confirm(question: string): Promise<boolean>;
  /** Asks for a line; undefined when the input has ended or the person has left. */
  ask(question: string): Promise<string | undefined>;
  /** All of standard input. */
  readInput(): Promise<string>;
  /** Starts a gateway with the settings of this environment. Rejects as the gateway does. */
  launchGateway(): Promise<RunningGateway>;
  /** Calls `fn` for SIGINT and SIGTERM until cancelled. */
  onSignal(fn: () => void): Cancel;
  /** The keys of the gateway on this machine. */
  openKeys(): Promise<KeyCommands>;
}
