/**
 * Running a program that nobody has seen run before. What holds it in is bubblewrap: user, process, mount, IPC and host name namespaces of
 * its own, a root that cannot be written and has only system programs in it, no capability, no new privileges, and no network.
 */
import type { Launch } from '../launch.ts';

/** Where a contained program lives. */
export interface Place {
  /** For what belongs to the run and is not the program's to see; absolute, only its owner's. */
  readonly folder: string;
  /** The program's private home, writable. */
  readonly home: string;
  /** Its `/tmp`, writable. */
  readonly temporary: string;
  /** Folders that it may read, each at its own path: its package and what that runs on. */
  readonly readable: readonly string[];
  /** The network of the machine instead of none. */
  readonly network: boolean;
}

/** What a run has left in its folder for whoever watched it. */
export interface Seen {
  /** Milliseconds since the epoch when the program itself was started; undefined when that is not known. */
  readonly startedAt?: number;
  /** Host names that it asked for, in order; undefined when nobody could watch. */
  readonly hosts?: readonly string[];
}

export interface Sandbox {
  readonly kind: 'bubblewrap';
  /** The command that runs the launch contained; files that it needs are written into the folder of the place. */
  contain(launch: Launch, place: Place): Promise<Launch>;
  /** Reads what was seen so far. */
  seen(place: Place): Promise<Seen>;
}

/** A sandbox that has been seen to work here, or why there is none. */
export type SandboxSearch = { readonly sandbox: Sandbox } | { readonly reason: string };
