/** What a supervisor must know of a server to run it: fully resolved, nothing left to look up. */
import type { Era } from './handshake-report.ts';
import type { Launch } from './launch.ts';
import type { WantedTransport } from './remote-transport.ts';
import type { ResourceLimits } from './resource-limits.ts';

export type Isolation = 'session' | 'principal' | 'shared' | 'call';

export interface ServerLimits {
  /** Milliseconds without a message, a call in flight or an attached reader after which a session ends. */
  readonly idle: number;
  /** Sessions of this server at one time. */
  readonly sessions: number;
  /** Sessions of one principal at one time. */
  readonly sessionsPerPrincipal: number;
  /** Warm spare processes: started, not yet spoken to. */
  readonly spares: number;
  /** Milliseconds without answer or progress after which a call fails. */
  readonly requestTimeout: number;
  /** Milliseconds in which a started process must answer its first `initialize`. */
  readonly startTimeout: number;
  /** Bytes of one line from the server. */
  readonly lineBytes: number;
  /** Resources that one session may be subscribed to, on a shared process or a modern server. */
  readonly subscriptions: number;
  /** Milliseconds from the end of its input to SIGTERM, when a process is to end. */
  readonly eofGrace: number;
  /** Milliseconds from SIGTERM to SIGKILL. */
  readonly termGrace: number;
}

export const DEFAULT_LIMITS: ServerLimits = {
  idle: 30 * 60_000,
  sessions: 1_000,
  sessionsPerPrincipal: 500,
  spares: 0,
  requestTimeout: 15 * 60_000,
  startTimeout: 5 * 60_000,
  lineBytes: 16 * 1024 * 1024,
  subscriptions: 1_000,
  eofGrace: 2_000,
  termGrace: 3_000,
};

/** A server that somebody else runs, and how it is reached. */
export interface RemoteTarget {
  readonly url: string;
  /** `auto` only before it has been found out. */
  readonly transport: WantedTransport;
  /** With their values: secret. */
  readonly headers: Readonly<Record<string, string>>;
  /** Further ones, whose values are read from files for each connection. */
  readonly headerFiles?: Readonly<Record<string, HeaderFile>>;
}

/** Where the value of a header is; the scheme stands before it. */
export interface HeaderFile {
  /** Absolute. */
  readonly file: string;
  readonly scheme?: string;
}

/** What is run, or where it is. */
type Runs =
  | { readonly launch: Launch; readonly remote?: never }
  | { readonly launch?: never; readonly remote: RemoteTarget };

export type ServerDefinition = DefinedServer & Runs;

interface DefinedServer {
  /** UUID; sealed session ids are bound to it, never to the name. */
  readonly id: string;
  readonly name: string;
  readonly isolation: Isolation;
  /** `none`: no session ids are minted and legacy clients use the pooled lane. */
  readonly sessions: 'minted' | 'none';
  /** What the server speaks; absent means legacy, which almost every published server is. */
  readonly eras?: readonly Era[];
  readonly limits: ServerLimits;
  /** Processes for its clients at one time; as many as sessions unless given. */
  readonly processes?: number;
  /** Of each of its processes; absent where they may have the whole machine. */
  readonly resources?: ResourceLimits;
  /** Secret values, to be scrubbed from stderr and errors. */
  readonly secrets: readonly string[];
  /** Further variables of its processes, whose values are read from these files at each start and are secret. */
  readonly secretFiles?: Readonly<Record<string, string>>;
  /** The same, of values that are no secrets. */
  readonly valueFiles?: Readonly<Record<string, string>>;
}
