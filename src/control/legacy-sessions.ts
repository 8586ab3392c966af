/** Sessions of legacy clients on an MCP server of the gateway's own; they live in this gateway and end with it. */
import { randomUUID } from 'node:crypto';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server';
import type { Clock } from '../clock.ts';
import { BerthError } from '../errors.ts';
import { refusal } from './refusal.ts';

/** Legacy sessions at one time, of all owners and of one. */
const MOST_SESSIONS = 1_000;
const MOST_OF_ONE = 100;
/** Milliseconds without a request after which a session ends. */
const IDLE = 30 * 60_000;
const SWEEP_EVERY = 60_000;

interface Session {
  readonly transport: WebStandardStreamableHTTPServerTransport;
  readonly owner: string;
  lastUsed: number;
}

/** A body that was read already. */
export interface ReadBody {
  readonly parsedBody?: unknown;
}

/** Puts a server behind the transport; the returned function is called when the session has ended. */
export type Connect = (transport: WebStandardStreamableHTTPServerTransport) => Promise<() => void>;

export class LegacySessions {
  readonly #what: string;
  readonly #clock: Clock;
  readonly #sessions = new Map<string, Session>();
  readonly #stopSweeping: () => void;

  /** `what` has the sessions, for people: `the control endpoint`. */
  constructor(what: string, clock: Clock) {
    this.#what = what;
    this.#clock = clock;
    this.#stopSweeping = clock.every(SWEEP_EVERY, () => this.#sweep());
  }

  /** `owner`: whose session it must be. `connect` is called for a new one. */
  async serve(request: Request, owner: string, connect: Connect, body: ReadBody = {}): Promise<Response> {
    const id = request.headers.get('mcp-session-id');
    if (id === null) return await this.#open(request, owner, connect);
    const session = this.#sessions.get(id);
    // Another owner's session is none.
    if (session?.owner !== owner) return refusal(new BerthError('unknown-session', 'unknown session'));
    session.lastUsed = this.#clock.now();
    return await session.transport.handleRequest(request, body);
  }

  /** Ends those of an owner; all without one. */
  async end(isOwner: (owner: string) => boolean = () => true): Promise<void> {
    const ending = [...this.#sessions.values()].filter(({ owner }) => isOwner(owner));
    await Promise.all(ending.map(({ transport }) => transport.close()));
  }

  /** Ends every session. Idempotent. */
  async close(): Promise<void> {
    this.#stopSweeping();
    await this.end();
  }

  /** Only `initialize` opens one: the transport refuses everything else. */
  async #open(request: Request, owner: string, connect: Connect): Promise<Response> {
    const own = [...this.#sessions.values()].filter((session) => session.owner === owner).length;
    if (this.#sessions.size >= MOST_SESSIONS || own >= MOST_OF_ONE)
      return refusal(new BerthError('limit-reached', `there are too many sessions on ${this.#what}`));
    let ended = (): void => {};
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (id) => {
        this.#sessions.set(id, { transport, owner, lastUsed: this.#clock.now() });
      },
    });
    transport.onclose = () => {
      if (transport.sessionId !== undefined) this.#sessions.delete(transport.sessionId);
      ended();
    };
    ended = await connect(transport);
    const response = await transport.handleRequest(request);
    if (transport.sessionId === undefined) await transport.close();
    return response;
  }

  #sweep(): void {
    const old = this.#clock.now() - IDLE;
    for (const { transport, lastUsed } of this.#sessions.values()) if (lastUsed < old) void transport.close();
  }
}
