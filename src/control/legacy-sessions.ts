/**
 * Sessions of legacy clients on an MCP server of the gateway's own. An id says all that there is to know of its session, sealed: any
 * gateway with the same keys takes the session up when it is asked for it, and so does this one after a restart.
 */
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server';
import type { OwnSeal } from '../auth/own-seal.ts';
import type { Clock } from '../clock.ts';
import { BerthError } from '../errors.ts';
import type { OpenListens } from './open-listens.ts';
import { markRequestIds } from './own-request-ids.ts';
import { refusal } from './refusal.ts';

/** Legacy sessions at one time, of all owners and of one. */
const MOST_SESSIONS = 1_000;
const MOST_OF_ONE = 100;
/** Milliseconds without a request after which nothing is kept of a session; it is taken up again when it is asked for. */
const IDLE = 30 * 60_000;
const SWEEP_EVERY = 60_000;
/** Sessions that their clients have ended and that are remembered as such. */
const MOST_ENDED = 1_000;
/** Bytes of the JSON of capabilities that go into an id; a client that declares more can be asked nothing at another gateway. */
const MOST_DECLARED = 2_048;
const PURPOSE = 'a legacy session';

interface Session {
  readonly transport: WebStandardStreamableHTTPServerTransport;
  readonly owner: string;
  lastUsed: number;
}

/** What a client said as it opened its session. */
interface Hello {
  readonly protocolVersion: string;
  readonly capabilities: object;
}

/** A body that was read already. */
export interface ReadBody {
  readonly parsedBody?: unknown;
}

/** Puts a server behind the transport; the returned function is called when nothing is kept of the session any more. */
export type Connect = (transport: WebStandardStreamableHTTPServerTransport) => Promise<() => void>;

export interface LegacySessionsOptions {
  /** Whose sessions these are, for people: `the control endpoint`. */
  readonly what: string;
  readonly clock: Clock;
  readonly seal: OwnSeal;
  /** Where event streams are entered, to be ended as the gateway goes away. */
  readonly streams?: OpenListens | undefined;
}

export class LegacySessions {
  readonly #options: LegacySessionsOptions;
  readonly #sessions = new Map<string, Session>();
  readonly #coming = new Map<string, Promise<Session>>();
  readonly #ended = new Set<string>();
  readonly #stopSweeping: () => void;

  constructor(options: LegacySessionsOptions) {
    this.#options = options;
    this.#stopSweeping = options.clock.every(SWEEP_EVERY, () => this.#sweep());
  }

  /** `owner`: whose session it must be. `connect` is called for a new one, and for one that is taken up. */
  async serve(request: Request, owner: string, connect: Connect, body: ReadBody = {}): Promise<Response> {
    const id = request.headers.get('mcp-session-id');
    try {
      if (id === null) return await this.#open(request, owner, connect);
      const url = request.url;
      // One that is being taken up is served once its server knows its client.
      const session = await (this.#coming.get(id) ??
        this.#sessions.get(id) ??
        this.#takeUp({ id, owner, url }, connect));
      // Another owner's session is none.
      if (session?.owner !== owner) throw new BerthError('unknown-session', 'unknown session');
      session.lastUsed = this.#options.clock.now();
      const response = await session.transport.handleRequest(request, body);
      return request.method === 'GET' && response.ok ? this.#entered(session, response) : response;
    } catch (thrown) {
      if (thrown instanceof BerthError) return refusal(thrown);
      throw thrown;
    }
  }

  /** Keeps nothing any more of those of an owner; of all without one. */
  async end(isOwner: (owner: string) => boolean = () => true): Promise<void> {
    const ending = [...this.#sessions.values()].filter(({ owner }) => isOwner(owner));
    await Promise.all(ending.map(({ transport }) => transport.close()));
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#stopSweeping();
    await this.end();
  }

  /** Only `initialize` opens one: the transport refuses everything else. */
  async #open(request: Request, owner: string, connect: Connect): Promise<Response> {
    const hello = await helloOf(request);
    const { seal } = this.#options;
    const newId = (): string => seal.seal(PURPOSE, owner, Buffer.from(JSON.stringify(hello)));
    const transport = await this.#connected({ newId, owner }, connect);
    const response = await transport.handleRequest(request);
    if (transport.sessionId === undefined) await transport.close();
    return response;
  }

  /** Undefined for what is no session of this owner. */
  #takeUp(
    { id, owner, url }: { readonly id: string; readonly owner: string; readonly url: string },
    connect: Connect,
  ): Promise<Session> | undefined {
    const { seal } = this.#options;
    const content = this.#ended.has(id) ? undefined : seal.open(PURPOSE, owner, id);
    if (!content) return undefined;
    const hello = JSON.parse(content.toString()) as Hello;
    const begun = (async (): Promise<Session> => {
      const transport = await this.#connected({ newId: () => id, owner }, connect);
      await introduce(transport, { id, url, hello });
      const session = this.#sessions.get(id);
      if (session) return session;
      // Its own server does not take what the client said any more: the client opens another.
      await transport.close();
      throw new BerthError('unknown-session', 'unknown session');
    })().finally(() => this.#coming.delete(id));
    this.#coming.set(id, begun);
    return begun;
  }

  /** Throws `limit-reached`. */
  async #connected(
    { newId, owner }: { readonly newId: () => string; readonly owner: string },
    connect: Connect,
  ): Promise<WebStandardStreamableHTTPServerTransport> {
    const own = [...this.#sessions.values()].filter((session) => session.owner === owner).length;
    if (this.#sessions.size >= MOST_SESSIONS || own >= MOST_OF_ONE)
      throw new BerthError('limit-reached', `there are too many sessions on ${this.#options.what}`);
    let gone = (): void => {};
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: newId,
      onsessioninitialized: (id) => {
        this.#sessions.set(id, { transport, owner, lastUsed: this.#options.clock.now() });
      },
      onsessionclosed: (id) => this.#remember(id),
    });
    transport.onclose = () => {
      const { sessionId } = transport;
      if (sessionId !== undefined) this.#sessions.delete(sessionId);
      gone();
    };
    gone = await connect(transport);
    markRequestIds(transport);
    return transport;
  }

  /** An event stream ends when the gateway goes away. */
  #entered({ transport }: Session, { body, status, headers }: Response): Response {
    const { streams } = this.#options;
    if (!body || !streams) return new Response(body, { status, headers });
    const over = streams.add({ busy: false, end: () => transport.closeStandaloneSSEStream() });
    return new Response(body.pipeThrough(new TransformStream({ flush: over, cancel: over })), {
      status,
      headers,
    });
  }

  /** Its client has ended it: nobody here takes it up again. */
  #remember(id: string): void {
    this.#ended.add(id);
    if (this.#ended.size <= MOST_ENDED) return;
    for (const oldest of this.#ended) {
      this.#ended.delete(oldest);
      return;
    }
  }

  #sweep(): void {
    const old = this.#options.clock.now() - IDLE;
    for (const { transport, lastUsed } of this.#sessions.values()) if (lastUsed < old) void transport.close();
  }
}

/** Whatever is wrong with it is for the transport to say. */
async function helloOf(request: Request): Promise<Hello> {
  const body = (await request
    .clone()
    .json()
    .catch(() => undefined)) as { params?: Partial<Hello> } | undefined;
  const { protocolVersion, capabilities } = body?.params ?? {};
  const isDeclared = typeof capabilities === 'object' && capabilities !== null;
  return {
    protocolVersion: String(protocolVersion).slice(0, 32),
    capabilities:
      isDeclared && Buffer.byteLength(JSON.stringify(capabilities)) <= MOST_DECLARED ? capabilities : {},
  };
}

/** Says again what the client said as it opened the session, so that its server knows it. */
async function introduce(
  transport: WebStandardStreamableHTTPServerTransport,
  { id, url, hello }: { readonly id: string; readonly url: string; readonly hello: Hello },
): Promise<void> {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-session-id': id,
  };
  const say = async (message: object): Promise<void> => {
    const request = new Request(url, { method: 'POST', headers, body: JSON.stringify(message) });
    await (await transport.handleRequest(request)).text();
  };
  const clientInfo = { name: 'client', version: '0' };
  await say({ jsonrpc: '2.0', id: 0, method: 'initialize', params: { ...hello, clientInfo } });
  await say({ jsonrpc: '2.0', method: 'notifications/initialized' });
}
