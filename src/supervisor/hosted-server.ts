/** One server in a supervisor: its processes' source, its sessions, and the processes that several of them share. */
import type { Clock } from '../clock.ts';
import { BerthError } from '../errors.ts';
import type { OpenOptions } from '../sessions/conversation.ts';
import { askedRevision, canonicalJson, readInitializeParams } from '../sessions/lanes/initialize.ts';
import type { Lane } from '../sessions/lanes/lane.ts';
import { ModernLane } from '../sessions/lanes/modern/lane.ts';
import { PooledLane } from '../sessions/lanes/pooled.ts';
import { RelayLane } from '../sessions/lanes/relay.ts';
import { SharedState } from '../sessions/lanes/shared-state.ts';
import type { ClientMessage } from '../sessions/message.ts';
import { notOpened } from '../sessions/not-opened.ts';
import { Session } from '../sessions/session.ts';
import { Upstream } from '../sessions/upstream.ts';
import { UsageCount } from '../sessions/usage-count.ts';
import { DowngradeLanes } from './downgrade-lanes.ts';
import { ModernProcesses } from './modern-processes.ts';
import { MORE_ROOM, mostProcesses, tooManyProcesses } from './room.ts';
import type { ServerDefinition } from './server-definition.ts';
import type { ProcessSource } from './server-process.ts';
import type { OpenSession, ServerParts } from './session-list.ts';

interface SharedProcess {
  readonly upstream: Upstream;
  readonly state: SharedState;
  /** Clock reading since which no session is on it. */
  idleSince: number | undefined;
}

/** What serves the modern clients of one principal. */
interface ModernClients extends OpenSession {
  lane: ModernLane | undefined;
}

/** Conversations without session ids end after this many milliseconds without a call, whatever a session's idle time is. */
const POOL_IDLE = 5 * 60_000;

export class HostedServer {
  readonly definition: ServerDefinition;
  readonly #source: ProcessSource;
  readonly #clock: Clock;
  readonly #sessions = new Map<string, OpenSession>();
  readonly #affinities = new Map<string, OpenSession>();
  readonly #moderns = new Map<string, ModernClients>();
  readonly #modernProcesses: ModernProcesses;
  readonly #shared = new Map<string, SharedProcess>();
  readonly #perPrincipal = new Map<string, number>();
  /** Lanes for legacy clients; absent where the server speaks their era itself. */
  readonly #downgrade: DowngradeLanes | undefined;
  #lastActivity: number | undefined;
  /** Replaced definitions of a server count together. */
  usage = new UsageCount();

  constructor(definition: ServerDefinition, source: ProcessSource, clock: Clock) {
    this.definition = definition;
    this.#source = source;
    this.#clock = clock;
    this.#modernProcesses = new ModernProcesses(definition, source, clock);
    if (definition.eras?.includes('modern') && !definition.eras.includes('legacy'))
      this.#downgrade = new DowngradeLanes({ definition, source, clock });
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  /** For the list of sessions. */
  get parts(): ServerParts {
    return {
      sessions: this.#sessions,
      affinities: this.#affinities,
      moderns: this.#moderns,
      shared: this.#downgrade?.shared ?? this.#shared,
    };
  }

  /** Sessions exist, or calls of clients without one are in flight. */
  get inUse(): boolean {
    if (this.#sessions.size > 0) return true;
    for (const { session } of this.#affinities.values()) if (session.exchanges.size > 0) return true;
    for (const { lane } of this.#moderns.values()) if (lane?.holds) return true;
    return this.#modernProcesses.inUse;
  }

  /** Clock reading of the last message of any session; undefined before the first. */
  get lastActivity(): number | undefined {
    let last = this.#lastActivity;
    for (const { session } of this.#conversations()) {
      if (last === undefined || session.lastActivity > last) last = session.lastActivity;
    }
    return last;
  }

  /** A session by its nonce. Another principal's does not exist for the caller. */
  session(nonce: string, principal: string): Session | undefined {
    const open = this.#sessions.get(nonce);
    return open?.principal === principal ? open.session : undefined;
  }

  /** Makes a session; throws `limit-reached` at a cap. An existing nonce of another principal is refused. */
  openSession(nonce: string, principal: string, options: OpenOptions): Session {
    if (this.#sessions.has(nonce)) throw new BerthError('unknown-session', 'unknown session');
    this.#admit(principal);
    const session = new Session({
      delivery: options.delivery,
      ownIds: true,
      requestTimeout: this.definition.limits.requestTimeout,
      usage: this.usage,
      transport: options.transport,
      clock: this.#clock,
      openLane: (host, first) => this.#openLane(host, first, principal),
      onEnd: () => this.#sessionEnded(nonce, principal, session),
    });
    this.#sessions.set(nonce, { session, principal });
    this.usage.opened();
    return session;
  }

  /** What serves clients without a session under an affinity key. */
  affinity(key: string, principal: string): Session {
    const known = this.#affinities.get(`${principal}\n${key}`);
    if (known) return known.session;
    const session: Session = new Session({
      delivery: 'streams',
      ownIds: false,
      requestTimeout: this.definition.limits.requestTimeout,
      usage: this.usage,
      clock: this.#clock,
      openLane: (host) => this.#openPooled(host),
      onEnd: () => this.#affinities.delete(`${principal}\n${key}`),
    });
    this.#affinities.set(`${principal}\n${key}`, { session, principal });
    return session;
  }

  /** What serves a principal's modern clients, who have no session. */
  modern(principal: string): Session {
    const known = this.#moderns.get(principal);
    if (known) return known.session;
    const session: Session = new Session({
      delivery: 'streams',
      ownIds: false,
      cancelsUnread: true,
      requestTimeout: this.definition.limits.requestTimeout,
      usage: this.usage,
      clock: this.#clock,
      openLane: (host) => {
        clients.lane = new ModernLane({
          host,
          clock: this.#clock,
          principal,
          processFor: (message) => this.#modernProcesses.for(principal, message),
          upstreams: () => this.#modernProcesses.upstreamsOf(principal),
          sealsState: !this.#modernProcesses.speaksModern,
        });
        return clients.lane;
      },
      onEnd: () => this.#moderns.delete(principal),
    });
    const clients: ModernClients = { session, principal, lane: undefined };
    this.#moderns.set(principal, clients);
    return session;
  }

  /** The conversation of clients without a session, if there is one. */
  sessionless(kind: 'affinity' | 'modern', key: string, principal: string): Session | undefined {
    const open =
      kind === 'modern' ? this.#moderns.get(principal) : this.#affinities.get(`${principal}\n${key}`);
    return open?.session;
  }

  /** Whether clients of that principal who have no session have a process or a call here. */
  holds(principal: string): boolean {
    const modern = this.#moderns.get(principal);
    if (modern?.lane?.holds || (modern?.session.exchanges.size ?? 0) > 0) return true;
    if (this.#modernProcesses.holds(principal)) return true;
    return [...this.#affinities.values()].some((open) => open.principal === principal);
  }

  /** Whether a process here said to that principal that it runs this task. */
  hasTask(principal: string, task: string): boolean {
    return this.#modernProcesses.hasTask(principal, task);
  }

  /** Whether a call of that principal waits here under that name. */
  hasParked(principal: string, call: string): boolean {
    return this.#moderns.get(principal)?.lane?.hasParked(call) === true;
  }

  /** Time passes: sessions and shared processes that nobody uses are ended. */
  sweep(now: number): void {
    const { idle } = this.definition.limits;
    for (const { session } of this.#sessions.values()) {
      session.sweep(now);
      if (session.idleFor(now) >= idle)
        void session.end(new BerthError('unknown-session', 'the session was idle for too long'));
    }
    for (const { session } of this.#affinities.values()) {
      session.sweep(now);
      if (session.idleFor(now) >= Math.min(idle, POOL_IDLE))
        void session.end(new BerthError('unknown-session', 'idle'));
    }
    for (const { session } of this.#moderns.values()) {
      session.sweep(now);
      if (session.idleFor(now) >= idle) void session.end(new BerthError('unknown-session', 'idle'));
    }
    this.#modernProcesses.sweep(now);
    this.#downgrade?.sweep(now);
    for (const [key, shared] of this.#shared) {
      if (shared.upstream.members.size > 0) shared.idleSince = undefined;
      else if (shared.idleSince === undefined) shared.idleSince = now;
      else if (now - shared.idleSince >= idle) this.#stopShared(key, shared);
    }
  }

  /** Ends everything. New sessions are refused from the first moment on. */
  async close(error: BerthError, options: { readonly force: boolean }): Promise<void> {
    const sessions = this.#conversations();
    const shared = [...this.#shared.values()];
    this.#shared.clear();
    // Listens are completed by the processes they listen to, before their sessions end.
    const moderns = this.#modernProcesses.stop({ ...options, why: error });
    const ends = sessions.map(({ session }) => session.end(error, options));
    await Promise.all([
      this.#source.close(),
      moderns,
      this.#downgrade?.close(options),
      ...ends,
      ...shared.map(({ upstream }) => upstream.stop(options)),
    ]);
  }

  /** Completes what listens here. */
  endListens(): void {
    this.#modernProcesses.endListens();
  }

  /** No further sessions, spares go; the sessions that exist finish on their processes, listens are completed. */
  async retire(): Promise<void> {
    this.endListens();
    await this.#source.close();
  }

  #conversations(): { readonly session: Session }[] {
    return [...this.#sessions.values(), ...this.#affinities.values(), ...this.#moderns.values()];
  }

  #admit(principal: string): void {
    const { sessions, sessionsPerPrincipal } = this.definition.limits;
    if (this.#sessions.size >= sessions)
      throw new BerthError('limit-reached', `this server has ${sessions} sessions, its limit`, {
        hint: MORE_ROOM,
      });
    const own = this.#perPrincipal.get(principal) ?? 0;
    if (own >= sessionsPerPrincipal)
      throw new BerthError(
        'limit-reached',
        `you have ${sessionsPerPrincipal} sessions on this server, the limit`,
      );
    this.#perPrincipal.set(principal, own + 1);
  }

  #sessionEnded(nonce: string, principal: string, session: Session): void {
    this.#sessions.delete(nonce);
    this.#lastActivity = Math.max(this.#lastActivity ?? 0, session.lastActivity);
    const own = (this.#perPrincipal.get(principal) ?? 1) - 1;
    if (own > 0) this.#perPrincipal.set(principal, own);
    else this.#perPrincipal.delete(principal);
  }

  #openLane(host: Session, first: ClientMessage, principal: string): Lane {
    if (first.envelope.method !== 'initialize') throw notOpened();
    if (this.#downgrade) return this.#downgrade.open(host, principal);
    switch (this.definition.isolation) {
      case 'session':
        return new RelayLane({ host, upstream: new Upstream(this.#source.acquire(), (members) => members) });
      case 'principal':
      case 'shared':
        return this.#openShared(
          host,
          this.definition.isolation,
          sharedKey(this.definition.isolation, first, principal),
        );
      case 'call':
        return this.#openPooled(host);
    }
  }

  #openPooled(host: Session): Lane {
    if (this.#downgrade) return this.#downgrade.openSessionless(host);
    return new PooledLane({
      host,
      clock: this.#clock,
      startTimeout: this.definition.limits.startTimeout,
      perCall: this.definition.isolation === 'call',
      open: () => new Upstream(this.#source.acquire(), () => []),
    });
  }

  #openShared(host: Session, isolation: 'principal' | 'shared', key: string): Lane {
    let shared = this.#shared.get(key);
    if (!shared || shared.upstream.failure) {
      if (!shared && this.#shared.size >= mostProcesses(this.definition)) this.#makeRoom();
      const { startTimeout, subscriptions } = this.definition.limits;
      const state = new SharedState({ isolation, subscriptions, startTimeout, clock: this.#clock });
      const upstream = new Upstream(this.#source.acquire(), (members, kind, message) =>
        state.choose(members, kind, message),
      );
      shared = { upstream, state, idleSince: undefined };
      this.#shared.set(key, shared);
    }
    return new RelayLane({ host, upstream: shared.upstream, shared: shared.state });
  }

  /** Ends the shared process that has been without sessions for longest; throws `limit-reached` when all are in use. */
  #makeRoom(): void {
    const unused = [...this.#shared].filter(([, { upstream }]) => upstream.members.size === 0);
    const since = ({ idleSince = Number.POSITIVE_INFINITY }: SharedProcess): number => idleSince;
    const [oldest] = unused.sort(([, a], [, b]) => (since(a) < since(b) ? -1 : since(a) > since(b) ? 1 : 0));
    if (!oldest) throw tooManyProcesses(this.#shared.size);
    this.#stopShared(...oldest);
  }

  #stopShared(key: string, shared: SharedProcess): void {
    this.#shared.delete(key);
    void shared.upstream.stop();
  }
}

/** Which sessions may share a process (data-path.md 5.3). */
function sharedKey(isolation: 'principal' | 'shared', first: ClientMessage, principal: string): string {
  // Revisions that nobody knows are one: clients could make up as many as they like.
  if (isolation === 'shared') return askedRevision(first);
  const { protocolVersion = '', capabilities } = readInitializeParams(first);
  return `${principal}\n${protocolVersion}\n${canonicalJson(capabilities ?? {})}`;
}
