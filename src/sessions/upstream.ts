/**
 * The upstream side of one process: our ids on its channel, and whose each answer, progress and server request is.
 * One session has it for itself, or several share it (isolation `principal` and `shared`).
 */
import type { Channel, ChannelEnd } from '../channels/channel.ts';
import { BerthError } from '../errors.ts';
import { applyEdits, byteLength, type Edit } from '../jsonrpc/edit.ts';
import type { Envelope } from '../jsonrpc/envelope.ts';
import { idKey, integerAt } from '../jsonrpc/id.ts';
import type { ServerProcess } from '../supervisor/server-process.ts';
import {
  type ClientMessage,
  errorMessage,
  rawId,
  rawIdOf,
  rawRequestId,
  resultMessage,
  tokenOf,
  underOurId,
} from './message.ts';
import { ServerRequests } from './server-requests.ts';
import type { StopOptions } from './stop-options.ts';
import { answerTooLarge, exitFailure, unreadable } from './upstream-failure.ts';

/** Queued bytes towards the process from which new messages are refused. */
const REFUSE_ABOVE = 8 * 1024 * 1024;
/** Milliseconds in which a process whose output ended is expected to have exited, and the other way round. */
const EXIT_WAIT = 1_000;

/** One call on the channel, waiting for its answer. */
export interface UpstreamCall {
  /** The client's own progress token, raw; undefined when it asked for no progress. */
  readonly rawToken: string | undefined;
  answered(line: Buffer, envelope: Envelope): void;
  /** `parts`: the notification with the client's own token restored. */
  progressed(parts: readonly Buffer[]): void;
  failed(error: BerthError): void;
  /** The server ends the call without an answer, as it may end a subscription; absent where it may not. */
  cancelled?(): void;
  /** A notification that came on the call's own stream, where the channel has such streams; true when it is the call's. */
  said?(message: ClientMessage): boolean;
  /** A request that came on the call's own stream; true when the call takes it. */
  asked?(request: ServerRequest): boolean;
}

/** A request from the server, under the id that the client sees. */
export interface ServerRequest {
  readonly id: number;
  readonly parts: readonly Buffer[];
  /** As the server sent it. */
  readonly message: ClientMessage;
}

/** A lane on this upstream. */
export interface UpstreamMember {
  serverRequest(request: ServerRequest): void;
  /** A notification that belongs to no call of ours, as the server sent it. */
  fromServer(message: ClientMessage): void;
  /** The server took back a request that this member holds. */
  requestCancelled(id: number, parts: readonly Buffer[]): void;
  /** The process is gone; all calls have been failed. */
  ended(error: BerthError): void;
}

/** Chooses who gets a server request (the first of them) or a notification (all of them). */
export type Chooser = (
  members: ReadonlySet<UpstreamMember>,
  kind: 'request' | 'notification',
  message: ClientMessage,
) => Iterable<UpstreamMember>;

export class Upstream {
  readonly #calls = new Map<number, UpstreamCall>();
  readonly #members = new Set<UpstreamMember>();
  readonly #requests = new ServerRequests();
  readonly #choose: Chooser;
  #next = 1;
  #process: ServerProcess | undefined;
  #channel: Channel | undefined;
  #early: (readonly Uint8Array[])[] = [];
  #earlyBytes = 0;
  #ended: BerthError | undefined;
  #writable: (() => void)[] = [];
  #full = false;
  #paused = false;
  #released = false;
  /** Messages that had no place: answers to nobody, late progress, responses to nothing. */
  dropped = 0;

  constructor(source: Promise<ServerProcess>, choose: Chooser) {
    this.#choose = choose;
    source.then(
      (process) => this.#started(process),
      (error: BerthError) => this.#fail(error),
    );
  }

  get members(): ReadonlySet<UpstreamMember> {
    return this.#members;
  }

  get process(): ServerProcess | undefined {
    return this.#process;
  }

  get failure(): BerthError | undefined {
    return this.#ended;
  }

  get callsInFlight(): number {
    return this.#calls.size;
  }

  get stats(): Channel['stats'] | undefined {
    return this.#channel?.stats;
  }

  join(member: UpstreamMember): void {
    this.#members.add(member);
  }

  /** Removes a member and answers the server's requests that only it could have answered. */
  leave(member: UpstreamMember): void {
    this.#members.delete(member);
    for (const { rawId } of this.#requests.closeAllOf(member)) this.#refuse(rawId, 'the client is gone');
  }

  /** Why no more messages are taken just now; undefined when they are. */
  get refusal(): BerthError | undefined {
    if (this.#ended) return this.#ended;
    if ((this.#channel?.queued ?? this.#earlyBytes) > REFUSE_ABOVE)
      return new BerthError('busy', 'the server does not read its input');
    return undefined;
  }

  /** Calls `then` at once, or when the channel takes messages again. */
  whenWritable(then: () => void): void {
    if (this.#full) this.#writable.push(then);
    else then();
  }

  /** Forwards a request under an id of ours and returns that id. `more`: further edits, not touching id or token. */
  call(message: ClientMessage, call: UpstreamCall, more: readonly Edit[] = []): number {
    const id = this.#enter(call);
    this.send(underOurId(message, id, more), this.#calls.size === 1);
    return id;
  }

  /** A request of our own making. `params` is JSON text. */
  request(method: string, params: string, call: UpstreamCall): number {
    const id = this.#enter(call);
    this.send([
      Buffer.from(`{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)},"params":${params}}`),
    ]);
    return id;
  }

  /** Forgets a call: a late answer is dropped. With `reason`, the server is told to stop. */
  abandon(id: number, reason?: string): void {
    if (!this.#calls.delete(id) || reason === undefined) return;
    const params = JSON.stringify({ requestId: id, reason });
    this.send([Buffer.from(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":${params}}`)]);
  }

  /** Passes a client's answer to a server request on; false when `member` holds no such request. */
  respond(message: ClientMessage, member: UpstreamMember): boolean {
    const id = Number(idKey(rawId(message)));
    const open = this.#requests.get(id);
    if (open?.member !== member) {
      this.dropped++;
      return false;
    }
    this.#requests.close(id);
    this.send(
      applyEdits(message.bytes, [
        { start: message.envelope.idStart, end: message.envelope.idEnd, text: open.rawId },
      ]),
    );
    return true;
  }

  /** Answers a server request that `member` holds. `body`: the member `result` or `error` as JSON text; false when there is no such request. */
  reply(id: number, body: string, member: UpstreamMember): boolean {
    const open = this.#requests.get(id);
    if (open?.member !== member) return false;
    this.#requests.close(id);
    this.send([Buffer.from(`{"jsonrpc":"2.0","id":${open.rawId},${body}}`)]);
    return true;
  }

  /** The server's own token of a request that `member` holds, by the token that its client saw. */
  tokenOf(id: number, member: UpstreamMember): string | undefined {
    const open = this.#requests.get(id);
    return open?.member === member ? open.rawToken : undefined;
  }

  send(parts: readonly Uint8Array[], alone = false): void {
    if (this.#ended) return;
    if (!this.#channel) {
      this.#early.push(parts);
      this.#earlyBytes += byteLength(parts);
    } else if (!this.#channel.send(parts, alone)) this.#full = true;
  }

  pause(): void {
    this.#paused = true;
    this.#channel?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#channel?.resume();
  }

  /** Ends the process (by its ladder). Idempotent; calls in flight fail when it is gone. */
  async stop({ why, ...options }: StopOptions = {}): Promise<void> {
    this.#released = true;
    this.#fail(why ?? new BerthError('stopped', 'the server process was stopped'));
    await this.#process?.stop(options);
  }

  /** Gives a call its id. One that comes when all is over (it may have waited for its turn) fails as if it had come before. */
  #enter(call: UpstreamCall): number {
    const id = this.#next++;
    this.#calls.set(id, call);
    const ended = this.#ended;
    if (ended) queueMicrotask(() => this.#calls.delete(id) && call.failed(ended));
    return id;
  }

  #started(process: ServerProcess): void {
    this.#process = process;
    if (this.#released) {
      void process.stop();
      return;
    }
    this.#channel = process.channel;
    this.#channel.start({
      message: (bytes, envelope, call) => this.#message(bytes, envelope, call),
      oversized: (id = '', bytes, asks) => (asks ? this.#tooLarge(id, bytes) : this.#oversized(id, bytes)),
      noise: () => {},
      drain: () => this.#drained(),
      end: (end) => void this.#channelEnded(end),
    });
    void process.exited.then(() => setTimeout(() => this.#exited(), EXIT_WAIT).unref());
    if (this.#paused) this.#channel.pause();
    for (const parts of this.#early.splice(0)) this.send(parts);
  }

  #drained(): void {
    this.#full = false;
    for (const then of this.#writable.splice(0)) then();
  }

  #message(bytes: Buffer, envelope: Envelope, call: string | undefined): void {
    // A process that is being ended may still talk; its members may have another one by now.
    if (this.#ended) return;
    switch (envelope.kind) {
      case 'result':
      case 'error':
        return this.#answer(bytes, envelope);
      case 'request':
        return this.#serverRequest({ bytes, envelope }, call);
      case 'notification':
        return this.#notification({ bytes, envelope }, call);
    }
  }

  #answer(bytes: Buffer, envelope: Envelope): void {
    const id = integerAt(bytes, envelope.idStart, envelope.idEnd);
    const call = this.#calls.get(id);
    if (!call) {
      this.dropped++;
      return;
    }
    this.#calls.delete(id);
    try {
      call.answered(bytes, envelope);
    } catch (cause) {
      // What a server answers may break its own call, never the program that hosts everybody's.
      call.failed(unreadable(cause));
    }
  }

  /** `call`: our id of the call on whose own stream it came. */
  #serverRequest(message: ClientMessage, call: string | undefined): void {
    const { bytes, envelope } = message;
    const raw = rawId(message);
    const [member] = this.#choose(this.#members, 'request', message);
    if (!member) {
      if (envelope.method === 'ping') return this.send([resultMessage(raw, '{}')]);
      return this.#refuse(raw, 'no client can answer this request', -32601);
    }
    if (this.#requests.full) return this.#refuse(raw, 'too many requests wait for the client');
    const id = this.#next++;
    const rawToken = tokenOf(message);
    this.#requests.add(id, { rawId: raw, rawToken, member, bytes: bytes.length });
    const request = { id, parts: underOurId(message, id), message };
    if (call !== undefined && this.#calls.get(Number(call))?.asked?.(request)) return;
    member.serverRequest(request);
  }

  /** `call`: our id of the call on whose own stream it came. */
  #notification(message: ClientMessage, call: string | undefined): void {
    const { method } = message.envelope;
    if (method === 'notifications/progress') return this.#progress(message);
    if (method === 'notifications/cancelled') return this.#requestCancelled(message);
    if (call !== undefined && this.#calls.get(Number(call))?.said?.(message)) return;
    for (const member of this.#choose(this.#members, 'notification', message)) member.fromServer(message);
  }

  #progress({ bytes, envelope }: ClientMessage): void {
    const call =
      envelope.tokenStart < 0
        ? undefined
        : this.#calls.get(integerAt(bytes, envelope.tokenStart, envelope.tokenEnd));
    if (call?.rawToken === undefined) {
      this.dropped++;
      return;
    }
    call.progressed(
      applyEdits(bytes, [{ start: envelope.tokenStart, end: envelope.tokenEnd, text: call.rawToken }]),
    );
  }

  #requestCancelled(message: ClientMessage): void {
    const { bytes, envelope } = message;
    const raw = rawRequestId(message);
    const id = raw === undefined ? undefined : this.#requests.idOf(raw);
    const open = id === undefined ? undefined : this.#requests.get(id);
    if (id === undefined || !open) return this.#callCancelled(bytes, envelope);
    this.#requests.close(id);
    open.member.requestCancelled(
      id,
      applyEdits(bytes, [{ start: envelope.requestIdStart, end: envelope.requestIdEnd, text: String(id) }]),
    );
  }

  #callCancelled(bytes: Buffer, envelope: Envelope): void {
    const id = integerAt(bytes, envelope.requestIdStart, envelope.requestIdEnd);
    const call = this.#calls.get(id);
    if (!call?.cancelled) {
      this.dropped++;
      return;
    }
    this.#calls.delete(id);
    call.cancelled();
  }

  #oversized(id: string, bytes: number): void {
    const call = this.#calls.get(Number(id));
    this.#calls.delete(Number(id));
    call?.failed(answerTooLarge(bytes));
  }

  /** A request of the server. */
  #tooLarge(id: string, bytes: number): void {
    const raw = rawIdOf(id);
    if (raw !== undefined) this.#refuse(raw, `the request has ${bytes} bytes, more than the limit`);
  }

  #refuse(rawId: string, message: string, code = -32000): void {
    this.send([errorMessage(rawId, { code, message })]);
  }

  /** What a process leaves behind may hold its output open for ever; while a reader is slow, there may still be answers in it. */
  #exited(): void {
    if (!this.#paused) void this.#channelEnded({ reason: 'peer-closed' });
  }

  /** Output has ended: the exit status usually follows at once and makes the better reason. */
  async #channelEnded(end: ChannelEnd): Promise<void> {
    if (this.#ended || end.reason === 'closed') return;
    const process = this.#process as ServerProcess;
    const exit = await Promise.race([
      process.exited,
      new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), EXIT_WAIT).unref()),
    ]);
    this.#fail(end.cause instanceof BerthError ? end.cause : exitFailure(exit, process));
    await process.stop();
  }

  #fail(error: BerthError): void {
    if (this.#ended) return;
    this.#ended = error;
    this.#early = [];
    const calls = [...this.#calls.values()];
    const members = [...this.#members];
    this.#calls.clear();
    this.#requests.clear();
    this.#drained();
    for (const call of calls) call.failed(error);
    for (const member of members) member.ended(error);
  }
}
