/** What every transport of the gateway works with. */
import type { IncomingMessage } from 'node:http';
import type { Cancel, Clock } from '../clock.ts';
import type { BerthError } from '../errors.ts';
import type { ScanLimits } from '../jsonrpc/scan-limits.ts';
import type { Link } from '../link/link.ts';
import type { BodyBudget } from './body-budget.ts';
import type { CallTracer } from './call-tracer.ts';
import type { LongStreams } from './long-streams.ts';
import type { Traffic } from './traffic.ts';

/** A server as the data plane sees it. */
export interface ServedServer {
  /** UUID. */
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly isolation: 'session' | 'principal' | 'shared' | 'call';
  readonly sessions: 'minted' | 'none';
  /** Why it cannot be called; undefined while it can. */
  readonly failure?: BerthError;
  /** It is being stopped: sessions of before go on for a while, and nothing new begins. */
  readonly isEnding?: boolean;
  /** Set while it cannot be called and soon can: resolves when to look again, rejects with BerthError or the signal's reason. */
  readonly awaited?: (signal: AbortSignal) => Promise<void>;
}

export interface Directory {
  /** Undefined for a name that nobody has, as far as is known here. */
  find(name: string): ServedServer | undefined;
  /** For such a name: resolves when it has been asked elsewhere and to look again, as `awaited` of a server; undefined where nothing is to be asked. */
  lookUp?(name: string): ServedServer['awaited'];
}

/** A replica, and the way to it. */
export interface Route {
  readonly replica: string;
  readonly link: Link;
  /** Which replica it really is, where that has to be asked first. */
  readonly settled?: Promise<Route>;
  /** The next best choice after a refusal with which nothing was taken; absent where there never is one. */
  readonly next?: (refusal: BerthError) => Route | Promise<Route> | undefined;
}

/** What is to be routed that is no plain call. */
export type RoutedThing = 'session' | { readonly task: string };

/** Chooses the replica that serves a conversation. */
export interface Router {
  /**
   * The replica for something new under an affinity key; undefined when none is ready. `session`: the key is that of a new session,
   * which may go anywhere. A task is asked about where it runs, on a replica that is about to go, too.
   */
  route(server: string, affinity: string, what?: RoutedThing): Route | undefined;
  /** The link to a named replica; undefined when it is gone. */
  replica(server: string, replica: string): Link | undefined;
}

/** Who calls; the digest stands in session ids, so that another caller's id is told apart without the supervisor. */
export interface Caller {
  readonly id: string;
  readonly digest: string;
}

/** Who may call; throws BerthError (`wrong-host`, `forbidden`, `unauthorized`). */
export interface Guard {
  checkHost(request: IncomingMessage): void;
  checkOrigin(request: IncomingMessage): void;
  principalOf(request: IncomingMessage): Caller;
  /** `ended` is called when the key of a request that was let in is no longer good, unless what this returns was called before. */
  hold(request: IncomingMessage, ended: () => void): Cancel;
}

/** What a sealed session id holds, beside the server that it is bound to. */
export interface SessionClaims {
  readonly replica: string;
  readonly nonce: string;
  /** {@link Caller.digest} of who opened the session. */
  readonly principal: string;
  /** Milliseconds since the epoch. */
  readonly issuedAt: number;
  /** Set for an SSE session: its id is good for its messages and nothing else. */
  readonly delivery?: 'single';
}

/** What a sealed `requestState` holds, beside the server that it is bound to. */
export interface StateClaims {
  readonly replica: string;
  /** {@link Caller.digest} of who made the call. */
  readonly principal: string;
  /** Names the call within its replica. */
  readonly call: string;
  readonly round: number;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** A modern server's own state, beside the server that it is bound to. */
export interface ServerStateClaims {
  /** Where it was given out. */
  readonly replica: string;
  /** {@link Caller.digest} of whom it was given to. */
  readonly principal: string;
  /** JSON text. */
  readonly state: Buffer;
}

export interface Sealer {
  /** What it seals can be opened after a restart. */
  readonly lasting: boolean;
  seal(serverId: string, claims: SessionClaims): string;
  /** Undefined for anything that is not a session id of this server under a valid key. */
  open(sealed: string, serverId: string): SessionClaims | undefined;
  sealState(serverId: string, claims: StateClaims): string;
  /** Undefined for anything that is not a state of this server under a valid key. */
  openState(state: string, serverId: string): StateClaims | undefined;
  sealServerState(serverId: string, claims: ServerStateClaims): string;
  /** Undefined for anything that is not a server's state sealed for this server under a valid key. */
  openServerState(state: string, serverId: string): ServerStateClaims | undefined;
  /** Whether a text begins as the states of valid keys do: one of them that cannot be opened was altered, or is another server's. */
  looksSealed(state: string): boolean;
}

export interface TransportLimits extends ScanLimits {
  /** Bytes of one message from a client. */
  readonly messageBytes: number;
  /** Bytes of all bodies from clients that have not come whole. */
  readonly openBodyBytes: number;
  /** Messages of one batch. */
  readonly batch: number;
}

/** Where a bridge has its endpoints; one that is left out is not served. */
export interface BridgePaths {
  readonly mcp?: string;
  readonly sse?: string;
  readonly messages?: string;
  readonly ws?: string;
}

/** The paths that supergateway has, and a WebSocket. */
export const BRIDGE_PATHS: BridgePaths = { mcp: '/mcp', sse: '/sse', messages: '/message', ws: '/ws' };

export interface DataPlane {
  readonly directory: Directory;
  readonly router: Router;
  readonly guard: Guard;
  readonly sealer: Sealer;
  readonly limits: TransportLimits;
  readonly bodies: BodyBudget;
  readonly clock: Clock;
  /** Path prefix of the public URL, without trailing slash. */
  readonly pathPrefix: string;
  /** Serves this one server at `/mcp`, `/sse` + `/message` and `/ws` instead of under `/servers/{name}`. */
  readonly bridge?: string;
  /** Instead of {@link BRIDGE_PATHS}. */
  readonly bridgePaths?: BridgePaths;
  /** Mints keys of exchanges and notes: unique over all gateways and their restarts. */
  readonly nextKey: () => string;
  /** Mints session nonces: at least 128 random bits. */
  readonly nextNonce: () => string;
  /** Told of requests that were refused. */
  readonly onError: (error: BerthError, requestId?: string) => void;
  readonly traffic: Traffic;
  /** Of a gateway that others share it with; its own unless given. */
  readonly streams?: LongStreams;
  /** Set where calls are traced. */
  readonly tracer?: CallTracer;
}
