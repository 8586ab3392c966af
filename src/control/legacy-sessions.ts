/**
 * Sessions of legacy clients on an MCP server of the gateway's own. An id says all that there is to know of its session, sealed: any
 * gateway with the same keys takes the session up when it is asked for it, and so does this one after a restart.
 */
import { type JSONRPCMessage, WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server';
import type { OwnSeal } from '../auth/own-seal.ts';
import type { Clock } from '../clock.ts';
import { BerthError } from '../errors.ts';
import { NO_PEERS, type Peers } from '../peers/peers.ts';
import { type Connect, type Hello, LegacySession, type ReadBody, unknownSession } from './legacy-session.ts';
import type { OpenListens } from './open-listens.ts';
import { refusal } from './refusal.ts';

/** Sessions of which something is kept, of all owners and of one. For another one, that which rests for the longest time makes room. */
const MOST_SESSIONS = 2_000;
const MOST_OF_ONE = 1_000;
/** Milliseconds without a request after which nothing is kept of a session; it is taken up again when it is asked for. */
const IDLE = 30 * 60_000;
const SWEEP_EVERY = 60_000;
/** Sessions of one owner that their clients have ended and that are remembered as such. */
const MOST_ENDED = 1_000;
/** Bytes of the JSON of capabilities that go into an id; a client that declares more can be asked nothing at another gateway. */
const MOST_DECLARED = 2_048;
const LONGEST_VERSION = 32;
const PURPOSE = 'a legacy session';
const NO_SESSION = { sessionIdGenerator: () => '' };

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
  /** Those without an id yet included. */
  readonly #all = new Set<LegacySession>();
  readonly #byId = new Map<string, LegacySession>();
  readonly #coming = new Map<string, Promise<LegacySession>>();
  /** By owner. */
  readonly #ended = new Map<string, Set<string>>();
  readonly #cleanUp: readonly (() => void)[];
  #closed = false;

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
      const there = this.#coming.has(id) ? undefined : this.#byId.get(id);
      const session =
        there ?? (await (this.#coming.get(id) ?? this.#takeUp({ id, owner, url: request.url }, connect)));
      // Another owner's session is none.
      if (session?.owner !== owner) throw unknownSession();
      return await session.answer(request, body);
    } catch (thrown) {
      if (thrown instanceof BerthError) return refusal(thrown);
      throw thrown;
    }
  }

  /** Keeps nothing any more of those of an owner; of all without one. */
  async end(isOwner: (owner: string) => boolean = () => true): Promise<void> {
    await Promise.all([...this.#all].filter(({ owner }) => isOwner(owner)).map((one) => one.close()));
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const undo of this.#cleanUp) undo();
    await this.end();
  }

  get #peers(): Peers {
    return this.#options.peers ?? NO_PEERS;
  }

  /** Only `initialize` opens one. */
  async #open(request: Request, owner: string, connect: Connect): Promise<Response> {
    const hello = await helloOf(request);
    // A transport of its own, with nothing behind it, says what is wrong.
    if (!hello) return await new WebStandardStreamableHTTPServerTransport(NO_SESSION).handleRequest(request);
    const { seal } = this.#options;
    const newId = (): string => seal.seal(PURPOSE, owner, Buffer.from(JSON.stringify(hello)));
    const session = this.#begin({ newId, owner, hasListened: false });
    try {
      await session.connect(connect);
      return await session.answer(request);
    } finally {
      if (session.id === undefined) await session.close();
    }
  }

  /** Undefined for what is no session of this owner. */
  #takeUp(
    { id, owner, url }: { readonly id: string; readonly owner: string; readonly url: string },
    connect: Connect,
  ): Promise<LegacySession> | undefined {
    const { seal } = this.#options;
    const content = this.#isEnded(id, owner) ? undefined : seal.open(PURPOSE, owner, id);
    if (!content) return undefined;
    const hello = JSON.parse(content.toString()) as Hello;
    const session = this.#begin({ newId: () => id, owner, hasListened: true });
    const begun = (async (): Promise<LegacySession> => {
      await session.connect(connect);
      await session.introduce({ id, url, hello });
      if (this.#byId.get(id) === session) return session;
      // Its client has ended it meanwhile, or its own server does not take what the client said any more: the client opens another.
      throw unknownSession();
    })();
    const settled = begun
      .catch(async (thrown: unknown) => {
        await session.close();
        throw thrown;
      })
      .finally(() => this.#coming.delete(id));
    this.#coming.set(id, settled);
    return settled;
  }

  /** Throws `limit-reached`. */
  #begin(one: { newId: () => string; owner: string; hasListened: boolean }): LegacySession {
    const { clock, streams, what } = this.#options;
    const { owner } = one;
    if (this.#closed) throw new BerthError('stopped', 'the gateway is going away');
    this.#makeRoom(owner);
    const session = new LegacySession({
      ...one,
      ...{ clock, streams },
      onOpened: (id) => this.#byId.set(id, session),
      onEnded: async (id) => {
        this.#remember(id, owner);
        await this.#peers.tell(what, { id, owner } satisfies ToldOfSession);
      },
      onGone: (id) => {
        this.#all.delete(session);
        if (id !== undefined && this.#byId.get(id) === session) this.#byId.delete(id);
      },
      elsewhere: (id, message) => void this.#peers.tell(what, { id, owner, message } satisfies ToldOfSession),
    });
    this.#all.add(session);
    return session;
  }

  /** Throws `limit-reached` when none of those in its way rests. */
  #makeRoom(owner: string): void {
    const all = [...this.#all];
    const own = all.filter((session) => session.owner === owner);
    const inTheWay = own.length >= MOST_OF_ONE ? own : all.length >= MOST_SESSIONS ? all : undefined;
    if (!inTheWay) return;
    let longest: LegacySession | undefined;
    for (const session of inTheWay)
      if (isResting(session) && session.lastUsed < (longest?.lastUsed ?? Number.POSITIVE_INFINITY))
        longest = session;
    if (!longest)
      throw new BerthError('limit-reached', `there are too many sessions on ${this.#options.what}`);
    void longest.close();
  }

  #told({ id, owner, message }: ToldOfSession): boolean {
    if (!message) this.#remember(id, owner);
    const session = this.#byId.get(id);
    if (session?.owner !== owner) return false;
    if (message) return session.take(message);
    void session.close();
    return true;
  }

  #isEnded(id: string, owner: string): boolean {
    return this.#ended.get(owner)?.has(id) === true;
  }

  /** Its client has ended it: nobody here takes it up again. */
  #remember(id: string, owner: string): void {
    const ended = this.#ended.get(owner) ?? new Set();
    this.#ended.set(owner, ended);
    ended.add(id);
    if (ended.size <= MOST_ENDED) return;
    for (const oldest of ended) {
      ended.delete(oldest);
      return;
    }
  }

  #sweep(): void {
    const old = this.#options.clock.now() - IDLE;
    for (const session of this.#all) if (isResting(session) && session.lastUsed < old) void session.close();
  }
}

/** One without an id is being opened. */
function isResting({ id, busy }: LegacySession): boolean {
  return id !== undefined && busy === 0;
}

/** Undefined for what opens no session; whatever is wrong with one that does is for the transport to say. */
async function helloOf(request: Request): Promise<Hello | undefined> {
  const body: unknown = await request
    .clone()
    .json()
    .catch(() => undefined);
  const opening = [body].flat().find((message) => (message as Opening | null)?.method === 'initialize');
  if (!opening) return undefined;
  const { protocolVersion, capabilities } = (opening as Opening).params ?? {};
  const isDeclared = typeof capabilities === 'object' && capabilities !== null;
  return {
    protocolVersion: typeof protocolVersion === 'string' ? protocolVersion.slice(0, LONGEST_VERSION) : '',
    capabilities:
      isDeclared && Buffer.byteLength(JSON.stringify(capabilities)) <= MOST_DECLARED ? capabilities : {},
  };
}

interface Opening {
  readonly method?: unknown;
  readonly params?: { readonly protocolVersion?: unknown; readonly capabilities?: unknown };
}
