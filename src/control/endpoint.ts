/** `/mcp`: Berth's own tools over Streamable HTTP, for clients of both eras. */
import { randomUUID } from 'node:crypto';
import {
  createMcpHandler,
  isLegacyRequest,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server';
import { type Clock, systemClock } from '../clock.ts';
import { BerthError } from '../errors.ts';
import type { CallPrincipal } from '../servers/server-calls.ts';
import { createControlServer } from './control-server.ts';
import type { ControlParts } from './tools.ts';

export interface ControlCaller extends CallPrincipal {
  readonly scope: 'use' | 'manage';
}

export interface ControlEndpoint {
  fetch(request: Request, caller: ControlCaller): Promise<Response>;
  /** Ends every session. Idempotent. */
  close(): Promise<void>;
}

/** Legacy sessions at one time, of all callers and of one. */
const MOST_SESSIONS = 1_000;
const MOST_OF_ONE = 100;
/** Milliseconds without a request after which a session ends. */
const IDLE = 30 * 60_000;
const SWEEP_EVERY = 60_000;

interface Session {
  readonly transport: WebStandardStreamableHTTPServerTransport;
  readonly principal: string;
  lastUsed: number;
}

export function createControlEndpoint(parts: ControlParts, clock: Clock = systemClock): ControlEndpoint {
  const sessions = new LegacySessions(parts, clock);
  return {
    fetch: async (request, caller) => {
      if (caller.scope !== 'manage')
        return refusal(
          new BerthError('forbidden', 'this key may use servers, not manage them', {
            hint: 'Make a key with: berth key add NAME --scope manage.',
          }),
        );
      if (await isLegacyRequest(request.clone())) return await sessions.serve(request, caller);
      // Nothing of a modern client is kept: each request makes its server anew.
      const handler = createMcpHandler(() => createControlServer(parts, caller), { legacy: 'reject' });
      return await handler.fetch(request);
    },
    close: () => sessions.close(),
  };
}

/** Sessions of legacy clients; they live in this gateway and end with it. */
class LegacySessions {
  readonly #parts: ControlParts;
  readonly #clock: Clock;
  readonly #sessions = new Map<string, Session>();
  readonly #stopSweeping: () => void;

  constructor(parts: ControlParts, clock: Clock) {
    this.#parts = parts;
    this.#clock = clock;
    this.#stopSweeping = clock.every(SWEEP_EVERY, () => this.#sweep());
  }

  async serve(request: Request, caller: ControlCaller): Promise<Response> {
    const id = request.headers.get('mcp-session-id');
    if (id === null) return await this.#open(request, caller);
    const session = this.#sessions.get(id);
    // Another caller's session is none.
    if (session?.principal !== caller.id)
      return refusal(new BerthError('unknown-session', 'unknown session'));
    session.lastUsed = this.#clock.now();
    return await session.transport.handleRequest(request);
  }

  async close(): Promise<void> {
    this.#stopSweeping();
    await Promise.all([...this.#sessions.values()].map(({ transport }) => transport.close()));
  }

  /** Only `initialize` opens one: the transport refuses everything else. */
  async #open(request: Request, caller: ControlCaller): Promise<Response> {
    const own = [...this.#sessions.values()].filter(({ principal }) => principal === caller.id).length;
    if (this.#sessions.size >= MOST_SESSIONS || own >= MOST_OF_ONE)
      return refusal(new BerthError('limit-reached', 'there are too many sessions on the control endpoint'));
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (id) => {
        this.#sessions.set(id, { transport, principal: caller.id, lastUsed: this.#clock.now() });
      },
    });
    transport.onclose = () => {
      if (transport.sessionId !== undefined) this.#sessions.delete(transport.sessionId);
    };
    await createControlServer(this.#parts, caller).connect(transport);
    return await transport.handleRequest(request);
  }

  #sweep(): void {
    const old = this.#clock.now() - IDLE;
    for (const { transport, lastUsed } of this.#sessions.values()) if (lastUsed < old) void transport.close();
  }
}

function refusal(error: BerthError): Response {
  const body = {
    jsonrpc: '2.0',
    id: null,
    error: { code: error.rpc, message: error.message, data: { code: error.code, hint: error.hint } },
  };
  return Response.json(body, { status: error.status });
}
