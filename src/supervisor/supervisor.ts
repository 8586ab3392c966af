/** The supervisor: owns servers' processes and sessions, and gives gateways their conversations. */
import { type Clock, systemClock } from '../clock.ts';
import { BerthError, toBerthError } from '../errors.ts';
import type { CallRequest } from '../sessions/call-request.ts';
import type { Conversation, ConversationTarget, OpenOptions } from '../sessions/conversation.ts';
import { namedTask } from '../sessions/lanes/modern/named-task.ts';
import type { ClientMessage } from '../sessions/message.ts';
import type { Attachment, StreamReader } from '../sessions/reader.ts';
import type { Session } from '../sessions/session.ts';
import type { CallUsage, UsageCount } from '../sessions/usage-count.ts';
import { HostedServer } from './hosted-server.ts';
import { measureConversations } from './measure-conversations.ts';
import type { ServerDefinition } from './server-definition.ts';
import type { ConversationMeasure } from './server-measure.ts';
import type { ProcessSource } from './server-process.ts';
import { type ListedSession, listSessions } from './session-list.ts';

/** Milliseconds between looks at deadlines, idle sessions and stalled readers. */
const SWEEP_EVERY = 1_000;

export interface SupervisorOptions {
  /** Makes the source of a server's processes. */
  readonly source: (definition: ServerDefinition) => ProcessSource;
  readonly clock?: Clock;
}

export interface SupervisorActivity {
  readonly sessions: number;
  /** Clock reading of the last message; undefined before the first. */
  readonly lastActivity: number | undefined;
  /** Somebody has a session, or a call, a parked call, a task or a listen without one; on a replaced definition, too. */
  readonly inUse: boolean;
}

export class Supervisor {
  readonly #servers = new Map<string, HostedServer>();
  /** Replaced definitions whose sessions have not ended yet. */
  readonly #retired = new Set<HostedServer>();
  readonly #usage = new Map<string, UsageCount>();
  readonly #source: SupervisorOptions['source'];
  readonly #clock: Clock;
  readonly #stopSweep: () => void;

  constructor(options: SupervisorOptions) {
    this.#source = options.source;
    this.#clock = options.clock ?? systemClock;
    this.#stopSweep = this.#clock.every(SWEEP_EVERY, () => this.#sweep());
  }

  /** Makes a server callable. An id that is defined already gets the new definition for new sessions; old ones finish on the old. */
  define(definition: ServerDefinition): void {
    const old = this.#servers.get(definition.id);
    const server = new HostedServer(definition, this.#source(definition), this.#clock);
    server.usage = this.#usage.get(definition.id) ?? server.usage;
    this.#usage.set(definition.id, server.usage);
    this.#servers.set(definition.id, server);
    if (!old) return;
    this.#retired.add(old);
    void old.retire();
  }

  /** Ends a server's sessions and processes. Unknown ids resolve. */
  undefine(id: string, options: { readonly force: boolean }): Promise<void> {
    return this.#end(id, new BerthError('stopped', 'the server was stopped'), options);
  }

  async #end(id: string, why: BerthError, options: { readonly force: boolean }): Promise<void> {
    const ending = [...this.#retired].filter((server) => server.definition.id === id);
    const current = this.#servers.get(id);
    if (current) ending.push(current);
    this.#servers.delete(id);
    for (const server of ending) this.#retired.delete(server);
    await Promise.all(ending.map((server) => server.close(why, options)));
  }

  /** Completes the listens of a server: their clients listen again, wherever they are sent then. */
  endListens(id: string): void {
    this.#servers.get(id)?.endListens();
  }

  activity(id: string): SupervisorActivity | undefined {
    const server = this.#servers.get(id);
    if (!server) return undefined;
    const retired = [...this.#retired].filter(({ definition }) => definition.id === id);
    const inUse = [server, ...retired].some((one) => one.inUse);
    return { sessions: server.sessionCount, lastActivity: server.lastActivity, inUse };
  }

  /** Whether something of a principal's clients without a session lives here, on a replaced definition or not. */
  holds(id: string, principal: string): boolean {
    const all = [...this.#servers.values(), ...this.#retired];
    return all.some((server) => server.definition.id === id && server.holds(principal));
  }

  /** Whether a process here runs a task of that principal's, on a replaced definition or not. */
  hasTask(id: string, principal: string, task: string): boolean {
    const all = [...this.#servers.values(), ...this.#retired];
    return all.some((server) => server.definition.id === id && server.hasTask(principal, task));
  }

  /** What was counted of every server since the last time, those included that are no longer defined. */
  takeUsage(): Map<string, CallUsage> {
    const taken = new Map(Array.from(this.#usage, ([id, count]) => [id, count.take()] as const));
    for (const id of this.#usage.keys()) if (!this.#servers.has(id)) this.#usage.delete(id);
    return taken;
  }

  /** By server id, of those that are defined. */
  measure(): Map<string, ConversationMeasure> {
    const all = [...this.#retired, ...this.#servers.values()];
    const names = new Map(all.map(({ definition: { id, name } }) => [id, name]));
    return new Map(
      Array.from(this.#usage).flatMap(([id, usage]) => {
        const parts = all.filter(({ definition }) => definition.id === id).map((server) => server.parts);
        const name = names.get(id);
        return name === undefined ? [] : [[id, { name, usage, ...measureConversations(parts) }] as const];
      }),
    );
  }

  /** Its conversations, oldest first, those on a replaced definition included; none for unknown ids. */
  sessions(id: string): ListedSession[] {
    const servers = [...this.#retired, ...this.#servers.values()].filter((one) => one.definition.id === id);
    const now = this.#clock.now();
    return servers
      .flatMap(({ parts }) => listSessions(parts, now))
      .sort((a, b) => b.report.ageMs - a.report.ageMs);
  }

  /** A gateway's handle on one conversation. */
  conversation(target: ConversationTarget): Conversation {
    return new LocalConversation(target, (open, sought) => this.#find(target, open, sought));
  }

  /** Ends everything. Idempotent. */
  async close(options: { readonly force: boolean } = { force: false }): Promise<void> {
    this.#stopSweep();
    const why = elsewhere('where the server ran is being ended');
    await Promise.all([...this.#servers.keys()].map((id) => this.#end(id, why, options)));
  }

  #find(target: ConversationTarget, open: OpenOptions | undefined, sought: Sought): Session {
    const server = this.#servers.get(target.server);
    if (!server) throw new BerthError('unknown-session', 'unknown session');
    const before = target.kind === 'session' ? undefined : this.#retiredCalls(target, target.kind, sought);
    if (before) return before;
    if (target.kind === 'affinity') return server.affinity(target.key, target.principal);
    if (target.kind === 'modern') return this.#serverOfCall(server, target, sought).modern(target.principal);
    const session = server.session(target.key, target.principal) ?? this.#retiredSession(target);
    if (session) return session;
    if (!open) throw new BerthError('unknown-session', 'unknown session');
    return server.openSession(target.key, target.principal, open);
  }

  /** A parked call goes on where it waits, and a task where it runs, though its server was replaced meanwhile. */
  #serverOfCall(
    server: HostedServer,
    { principal, server: id }: ConversationTarget,
    { parked, task }: Sought,
  ): HostedServer {
    const has = (one: HostedServer): boolean =>
      (parked !== undefined && one.hasParked(principal, parked)) ||
      (task !== undefined && one.hasTask(principal, task));
    if ((parked ?? task) === undefined || has(server)) return server;
    for (const retired of this.#retired) if (retired.definition.id === id && has(retired)) return retired;
    return server;
  }

  /** A call goes on where it was made, though its server was replaced meanwhile: it is not made again. */
  #retiredCalls(
    { server, key, principal }: ConversationTarget,
    kind: 'affinity' | 'modern',
    sought: Sought,
  ): Session | undefined {
    for (const retired of this.#retired) {
      const session =
        retired.definition.id === server ? retired.sessionless(kind, key, principal) : undefined;
      if (session?.knows(sought)) return session;
    }
    return undefined;
  }

  #retiredSession(target: ConversationTarget): Session | undefined {
    for (const server of this.#retired) {
      const session =
        server.definition.id === target.server ? server.session(target.key, target.principal) : undefined;
      if (session) return session;
    }
    return undefined;
  }

  #sweep(): void {
    const now = this.#clock.now();
    for (const server of this.#servers.values()) server.sweep(now);
    for (const server of this.#retired) {
      server.sweep(now);
      if (server.inUse) continue;
      this.#retired.delete(server);
      void server.close(elsewhere('a newer version has taken over'), { force: false });
    }
  }
}

/** The server itself goes on, or comes back. */
function elsewhere(what: string): BerthError {
  return new BerthError('stopped', what, {
    hint: 'Send initialize again, or without a session the next call: it is served elsewhere.',
  });
}

/** What a gateway comes back for. */
interface Sought {
  /** A parked call. */
  readonly parked?: string | undefined;
  /** A task that the call is about. */
  readonly task?: string | undefined;
  /** Exchange key of a call that may have been made before. */
  readonly key?: string;
  readonly stream?: number;
}

function taskOf({ messages: [only] }: CallRequest): string | undefined {
  return only && namedTask(only);
}

class LocalConversation implements Conversation {
  readonly #target: ConversationTarget;
  readonly #find: (open: OpenOptions | undefined, sought: Sought) => Session;

  constructor(target: ConversationTarget, find: (open: OpenOptions | undefined, sought: Sought) => Session) {
    this.#target = target;
    this.#find = find;
  }

  call(request: CallRequest, reader: StreamReader, open?: OpenOptions): Attachment | undefined {
    const parked = request.modern?.resume?.call;
    const task = this.#target.kind === 'modern' ? taskOf(request) : undefined;
    return this.#with(reader, { open, parked, task, key: request.key }, (session) =>
      session.call(request, reader),
    );
  }

  note(key: string, message: ClientMessage, done: (error?: BerthError) => void): void {
    let session: Session;
    try {
      session = this.#find(undefined, {});
    } catch (error) {
      return done(toBerthError(error));
    }
    // Clients without a session send notifications that nothing keeps: they are taken and mean nothing. The id that a cancellation
    // names may be another client's, even where only one call has it: its own may have been answered, or refused, or be still to come.
    if (this.#target.kind !== 'session') return done();
    session.note(key, message, done);
  }

  attach(
    request: { readonly stream: number; readonly after?: number },
    reader: StreamReader,
    open?: OpenOptions,
  ): Attachment | undefined {
    return this.#with(reader, { open, stream: request.stream }, (session) =>
      session.attach(request.stream, request.after, reader),
    );
  }

  end(done: (error?: BerthError) => void): void {
    try {
      void this.#find(undefined, {}).end(new BerthError('unknown-session', 'the session was ended'));
      done();
    } catch (error) {
      done(toBerthError(error));
    }
  }

  #with(
    reader: StreamReader,
    how: Sought & { readonly open: OpenOptions | undefined },
    use: (session: Session) => Attachment | undefined,
  ): Attachment | undefined {
    let session: Session;
    try {
      session = this.#find(how.open, how);
    } catch (error) {
      reader.refused(toBerthError(error));
      return undefined;
    }
    return use(session);
  }
}
