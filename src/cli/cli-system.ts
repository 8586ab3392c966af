/** What the command line needs of the machine, so that tests run it without one. */
import type { Ended } from '../background/end.ts';
import type { Launched } from '../background/launch.ts';
import type { LocalGateway, ResourceCheck } from '../background/main.ts';
import type { Places, ProgramTarget } from '../clients/client.ts';
import type { Cancel } from '../clock.ts';
import type { KeyCommands } from './key-commands.ts';

/** A gateway in this process. */
export interface RunningGateway {
  readonly url: string;
  /** Ends sessions and processes; idempotent. */
  close(): Promise<void>;
}

/** Waits for a browser that comes back to this machine. */
export interface Callback {
  /** Where it is sent. */
  readonly url: string;
  /** The whole address that it came to with this state; undefined when the signal came first. */
  received(state: string, signal: AbortSignal): Promise<string | undefined>;
  close(): Promise<void>;
}

/** What runs on this machine with the settings of this environment. */
export interface Machine {
  find(): Promise<LocalGateway>;
  /** What of a server's processes the gateway `pid` can limit, or one that this program would start. */
  limits(pid?: number): Promise<readonly ResourceCheck[]>;
  /** In the background; resolves once it serves. */
  launch(flags: readonly string[], signal: AbortSignal): Promise<Launched>;
  end(options: { readonly force: boolean }): Promise<Ended>;
}

export interface CliSystem {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** True when a person reads standard output and can answer. */
  readonly interactive: boolean;
  out(text: string): void;
  err(text: string): void;
  readonly fetch: typeof fetch;
  readFile(path: string): Promise<string>;
  /** Text of a file; undefined when there is none. */
  readIfThere(path: string): Promise<string | undefined>;
  /** Writes a file whole or not at all; resolves with where what it held before is kept. `secret`: for nobody else to read. */
  replaceFile(
    path: string,
    text: string,
    options?: { readonly secret?: boolean },
  ): Promise<string | undefined>;
  /** Where this person's programs keep their settings. */
  readonly places: Places;
  /** The folder in which the command was typed. */
  readonly cwd: string;
  /** How a program starts this command. */
  readonly self: ProgramTarget;
  /** Asks a yes-or-no question; an empty answer is yes. */
  confirm(question: string): Promise<boolean>;
  /** Asks for a line; undefined when the input has ended or the person has left. */
  ask(question: string): Promise<string | undefined>;
  /** The same, without showing what is typed. */
  askUnseen(question: string): Promise<string | undefined>;
  /** All of standard input. */
  readInput(): Promise<string>;
  /** Starts a gateway with these settings and those of this environment. Rejects as the gateway does. */
  launchGateway(flags?: readonly string[]): Promise<RunningGateway>;
  /** The gateway of this machine that is not this program. */
  readonly machine: Machine;
  /** Opens a listener on the loopback address. */
  listenForCallback(): Promise<Callback>;
  /** Calls `fn` on the first SIGINT, SIGTERM or SIGHUP, unless cancelled before. */
  onSignal(fn: () => void): Cancel;
  /** The keys of the gateway on this machine. */
  openKeys(): Promise<KeyCommands>;
}
