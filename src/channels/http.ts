/** The channel to a server that speaks Streamable HTTP, of both eras: which one a message belongs to, it says itself. */
import type { IncomingMessage } from 'node:http';
import { toBerthError } from '../errors.ts';
import type { Channel, ChannelHandler } from './channel.ts';
import { EventStream } from './event-stream.ts';
import { HttpAnswers } from './http-answers.ts';
import { HttpCall } from './http-call.ts';
import { brokenOff, noAnswer } from './http-failure.ts';
import type { HttpOptions } from './http-options.ts';
import { HttpPosting } from './http-posting.ts';
import { HttpSession } from './http-session.ts';
import type { Outgoing } from './outbox.ts';
import { CLOSE_MS, RemoteChannel } from './remote-channel.ts';
import { bodyKind } from './response-body.ts';
import { SessionKeeper } from './session-keeper.ts';
import { ToolHeaders } from './tool-headers.ts';

export interface HttpChannelOptions extends HttpOptions {
  /** What is known of the server's tools; its channels may share it. */
  readonly tools?: ToolHeaders;
}

/** Milliseconds that the stream of a call may go on behind its answer. */
const LINGER_MS = 5_000;
/** Attempts to go on with the stream of a call before it is given up. */
const RESUME_PATIENCE = 5;

/** Opens nothing before the first message. Calls fail one by one; the channel ends when its session is lost and no other can be had. */
export function createHttpChannel(options: HttpChannelOptions): Channel {
  return new HttpChannel(options);
}

class HttpChannel extends RemoteChannel {
  readonly #session = new HttpSession();
  readonly #keeper: SessionKeeper;
  readonly #posting: HttpPosting;
  readonly #answers: HttpAnswers;

  constructor(options: HttpChannelOptions) {
    super(options);
    const { traffic, inbound } = this;
    const tools = options.tools ?? new ToolHeaders();
    this.#answers = new HttpAnswers({ inbound, session: this.#session, tools, onFailure: options.onFailure });
    this.#keeper = new SessionKeeper({
      session: this.#session,
      traffic,
      inbound,
      receiver: this.#answers.receiver(),
      other: (message) => this.#answers.deliver(message),
      lost: (cause) => this.end({ reason: 'peer-closed', cause }),
    });
    this.#posting = new HttpPosting({ traffic, keeper: this.#keeper, tools });
  }

  start(handler: ChannelHandler): void {
    this.inbound.handler = handler;
    this.outbox.release();
  }

  protected carry(message: Outgoing, taken: () => void): Promise<void> {
    return message.envelope.kind === 'request' ? this.#request(message, taken) : this.#note(message, taken);
  }

  protected async leave(): Promise<void> {
    this.#answers.close();
    this.#keeper.stop();
    for (const call of this.#answers.calls) void call.written.then(() => call.drop());
    await Promise.race([this.outbox.idle(), this.traffic.wait(CLOSE_MS)]);
    await Promise.race([this.#keeper.leave(), this.traffic.wait(CLOSE_MS)]);
  }

  protected release(): void {
    this.#answers.close();
    this.#keeper.stop();
    for (const call of this.#answers.calls) call.finish();
  }

  /** Resolves when the request is over. */
  async #request(message: Outgoing, taken: () => void): Promise<void> {
    const call = new HttpCall(message);
    this.#answers.add(call);
    void call.written.then(taken);
    this.#follow(call).catch((thrown: unknown) => this.#answers.lost(call, toBerthError(thrown)));
    await call.over;
  }

  async #follow(call: HttpCall): Promise<void> {
    const { message } = call;
    const { response, refusal } = await this.#posting.post(message, {
      taken: () => call.sent(),
      through: (drop) => call.through(drop),
      isOver: () => call.isOver,
    });
    // Its answer has come on another stream, or it was called off.
    if (call.isOver) return void response?.destroy();
    if (refusal) return this.#answers.refused(call, refusal);
    if (message.envelope.method === 'initialize') this.#session.opened(response.headers);
    await this.#readAnswer(call, response);
  }

  async #readAnswer(call: HttpCall, response: IncomingMessage): Promise<void> {
    if (bodyKind(response) === 'other') {
      response.destroy();
      throw noAnswer(response.statusCode, response.headers['content-type']);
    }
    const body = this.traffic.read(response, this.#answers.receiver(call));
    void call.over.then(() => {
      const late = this.traffic.after(LINGER_MS, () => response.destroy());
      void body.ended.then(late);
    });
    const how = await body.ended;
    if (call.isOver) return;
    if (!body.isEvents) throw how === 'cut' ? brokenOff() : noAnswer(response.statusCode, 'something else');
    if (call.isModern || body.lastEventId === undefined) throw brokenOff();
    await this.#resume(call, body);
  }

  /** The stream has ended before the answer, and can be gone on with. */
  async #resume(
    call: HttpCall,
    position: { lastEventId?: string | undefined; retryMs?: number | undefined },
  ): Promise<void> {
    const stream = new EventStream({
      traffic: this.traffic,
      headers: () => this.#session.headers(),
      receiver: this.#answers.receiver(call),
      position,
      patience: RESUME_PATIENCE,
    });
    call.through(() => stream.stop());
    void call.over.then(() => stream.stop());
    const end = await stream.follow({ wait: true });
    if (end.kind === 'failed') throw end.error;
    if (end.kind !== 'stopped') throw brokenOff();
  }

  /** Resolves when the server has taken the notification or the answer, or will not. */
  async #note(message: Outgoing, taken: () => void): Promise<void> {
    const { method } = message.envelope;
    const call = method === 'notifications/cancelled' ? this.#answers.cancelledBy(message) : undefined;
    if (call?.isModern) return call.drop();
    // Nothing is told to a server that nothing was asked of.
    if (method === 'notifications/cancelled' && !call && !this.#session.isOpen) return;
    // It must not overtake its call, which from then on is nobody's.
    await call?.written;
    call?.finish();
    try {
      const { response } = await this.#posting.postNote(message, taken);
      if (response) this.#readRest(response);
      if (response && !message.envelope.modern) await this.#keeper.taken(message);
    } catch {
      // As with a pipe: nobody waits for an answer, and the next request will say what is wrong.
    }
    call?.drop();
  }

  /** What comes in answer to a notification: nothing, but some servers put other messages there. */
  #readRest(response: IncomingMessage): void {
    if (bodyKind(response) === 'events') this.traffic.read(response, this.#answers.receiver());
    else response.resume();
  }
}
