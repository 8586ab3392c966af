/**
 * Sessions of legacy clients on an MCP server of the gateway's own. An id says all that there is to know of its session, sealed: any
 * gateway with the same keys takes the session up when it is asked for it, and so does this one after a restart.
 */
import { type JSONRPCMessage, WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server';
import type { OwnSeal } from '../auth/own-seal.ts';
import type { Clock } from '../clock.ts';
import { BerthError } from '../errors.ts';
import { NO_PEERS, type Peers } from '../peers/peers.ts';
import type { OpenListens } from './open-listens.ts';
import { markRequestIds, type TakeForeign } from './own-request-ids.ts';
import { refusal } from './refusal.ts';

/** Sessions of which something is kept, of all owners and of one. For another one, that which rests for the longest time makes room. */
const MOST_SESSIONS = 2_000;
const MOST_OF_ONE = 1_000;
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
  readonly connected: Connected;
  readonly take: TakeForeign;
  lastUsed: number;
  /** Requests and event streams that are being answered. */
  busy: number;
  /** Its client may have had an event stream before. */
  hasListened: boolean;
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

/** A server behind a transport. */
export interface Connected {
  /**
   * Its client has an event stream, until what this returns is called. `again`: there may have been one before, and nothing is known of
   * what has changed since.
   */
  listens?(again: boolean): () => void;
}

/** Puts a server behind the transport. Closing the transport closes the server. */
export type Connect = (transport: WebStandardStreamableHTTPServerTransport) => Promise<Connected>;

export interface LegacySessionsOptions {
  /** Whose sessions these are, for people: `the control endpoint`. */
  readonly what: string;
  readonly clock: Clock;
  readonly seal: OwnSeal;
  /** Where event streams are entered, to be ended as the gateway goes away. */
  readonly streams?: OpenListens | undefined;
  /** Other gateways that serve the same sessions. */
  readonly peers?: Peers | undefined;
}

/** What gateways tell each other of a session: a message that its client has sent, or without one that its client has ended it. */
interface ToldOfSession {
  readonly id: string;
  readonly owner: string;
  readonly message?: JSONRPCMessage;
}

export class LegacySessions {
  readonly #options: LegacySessionsOptions;
  readonly #sessions = new Map<string, Session>();
  readonly #coming = new Map<string, Promise<Session>>();
  readonly #ended = new Set<string>();
  readonly #cleanUp: readonly (() => void)[];

  constructor(options: LegacySessionsOptions) {
    this.#options = options;
    this.#cleanUp = [
      options.clock.every(SWEEP_EVERY, () => this.#sweep()),
      this.#peers.onTold(options.what, (content) => this.#told(content as ToldOfSession)),
    ];
  }

  /** `owner`: whose session it must be. `connect` is called for a new one, and for one that is taken up. */
  async serve(request: Request, owner: string, connect: Connect, body: ReadBody = {}): Promise<Response> {
    const id = request.headers.get('mcp-session-id');
    try {
      if (id === null) return await this.#open(request, owner, connect);
      // One that is being taken up is served once its server knows its client. One that is there is not waited for, as it could be
      // given up meanwhile.
      const there = this.#coming.has(id) ? undefined : this.#sessions.get(id);
      const session =
        there ?? (await (this.#coming.get(id) ?? this.#takeUp({ id, owner, url: request.url }, connect)));
      // Another owner's session is none.
      if (session?.owner !== owner) throw new BerthError('unknown-session', 'unknown session');
      return await this.#answer(session, request, body);
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
    for (const undo of this.#cleanUp) undo();
    await this.end();
  }

  get #peers(): Peers {
    return this.#options.peers ?? NO_PEERS;
  }

  /** Only `initialize` opens one: the transport refuses everything else. */
  async #open(request: Request, owner: string, connect: Connect): Promise<Response> {
    const hello = await helloOf(request);
    const { seal } = this.#options;
    const newId = (): string => seal.seal(PURPOSE, owner, Buffer.from(JSON.stringify(hello)));
    const transport = await this.#connected({ newId, owner, hasListened: false }, connect);
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
      const transport = await this.#connected({ newId: () => id, owner, hasListened: true }, connect);
      await introduce(transport, { id, url, hello });
      const session = this.#sessions.get(id);
      if (session && !this.#ended.has(id)) return session;
      // Its client has ended it meanwhile, or its own server does not take what the client said any more: the client opens another.
      await transport.close();
      throw new BerthError('unknown-session', 'unknown session');
    })().finally(() => this.#coming.delete(id));
    this.#coming.set(id, begun);
    return begun;
  }

  /** Throws `limit-reached`. */
  async #connected(
    { newId, owner, hasListened }: NewSession,
    connect: Connect,
  ): Promise<WebStandardStreamableHTTPServerTransport> {
    await this.#makeRoom(owner);
    let connected: Connected = {};
    let take: TakeForeign = () => false;
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: newId,
      onsessioninitialized: (id) => {
        const lastUsed = this.#options.clock.now();
        this.#sessions.set(id, { transport, owner, connected, take, lastUsed, busy: 0, hasListened });
      },
      onsessionclosed: (id) => {
        this.#remember(id);
        void this.#peers.tell(this.#options.what, { id, owner } satisfies ToldOfSession);
      },
    });
    transport.onclose = () => {
      const { sessionId } = transport;
      if (sessionId !== undefined) this.#sessions.delete(sessionId);
    };
    connected = await connect(transport);
    take = markRequestIds(transport, (message) => {
      const { sessionId: id } = transport;
      if (id === undefined) return;
      void this.#peers.tell(this.#options.what, { id, owner, message } satisfies ToldOfSession);
    });
    return transport;
  }

  /** Throws `limit-reached` when none of those in its way rests. */
  async #makeRoom(owner: string): Promise<void> {
    const all = [...this.#sessions.values()];
    const own = all.filter((session) => session.owner === owner);
    const inTheWay = own.length >= MOST_OF_ONE ? own : all.length >= MOST_SESSIONS ? all : undefined;
    if (!inTheWay) return;
    let longest: Session | undefined;
    for (const session of inTheWay)
      if (session.busy === 0 && session.lastUsed < (longest?.lastUsed ?? Number.POSITIVE_INFINITY))
        longest = session;
    if (!longest)
      throw new BerthError('limit-reached', `there are too many sessions on ${this.#options.what}`);
    await longest.transport.close();
  }

  /** Nothing of the session is given up before its answer is over. */
  async #answer(session: Session, request: Request, body: ReadBody): Promise<Response> {
    const { clock } = this.#options;
    const begin = (): void => {
      session.lastUsed = clock.now();
      session.busy++;
    };
    const end = (): void => {
      session.lastUsed = clock.now();
      session.busy--;
    };
    begin();
    try {
      const response = await session.transport.handleRequest(request, body);
      if (!isEventStream(response)) return response;
      const over = request.method === 'GET' ? this.#listened(session) : () => {};
      begin();
      return watched(response, () => {
        over();
        end();
      });
    } finally {
      end();
    }
  }

  /** Its client has an event stream until what this returns is called; it ends when the gateway goes away. */
  #listened(session: Session): () => void {
    const { transport, connected } = session;
    const closed = this.#options.streams?.add({
      busy: false,
      end: () => transport.closeStandaloneSSEStream(),
    });
    const over = connected.listens?.(session.hasListened);
    session.hasListened = true;
    return () => {
      closed?.();
      over?.();
    };
  }

  #told({ id, owner, message }: ToldOfSession): boolean {
    if (!message) this.#remember(id);
    const session = this.#sessions.get(id);
    if (session?.owner !== owner) return false;
    if (message) return session.take(message);
    void session.transport.close();
    return true;
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
    for (const { transport, lastUsed, busy } of this.#sessions.values())
      if (busy === 0 && lastUsed < old) void transport.close();
  }
}

interface NewSession {
  readonly newId: () => string;
  readonly owner: string;
  /** Its client may have had an event stream. */
  readonly hasListened: boolean;
}

function isEventStream({ body, headers }: Response): boolean {
  return body !== null && headers.get('content-type') === 'text/event-stream';
}

/** The same response; calls back once its body is over, or nobody reads it any more. */
function watched({ body, status, headers }: Response, over: () => void): Response {
  if (!body) throw new Error('a response without a body');
  return new Response(body.pipeThrough(new TransformStream({ flush: over, cancel: over })), {
    status,
    headers,
  });
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
