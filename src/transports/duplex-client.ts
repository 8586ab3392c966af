/**
 * A client on one two-way stream of messages (a WebSocket, standard streams), of either era, told apart message by message
 * (data-path.md 5.5): modern calls, and a session from the first `initialize` on.
 */
import { BerthError, toBerthError } from '../errors.ts';
import type { ClientMessage } from '../sessions/message.ts';
import { notOpened } from '../sessions/not-opened.ts';
import { BodyError, type ClientBody, idOf, parseBody } from './client-body.ts';
import type { DataPlane } from './context.ts';
import { hasEnvelope } from './modern/envelope.ts';
import type { ModernCaller } from './modern/route.ts';
import { ModernCalls } from './modern/websocket-calls.ts';
import { rpcErrorText } from './rpc-error.ts';
import { newSession } from './session-route.ts';
import { type WebSocketHost, WebSocketSession } from './websocket-session.ts';

/** What of the data plane such a client needs. */
export type DuplexPlane = Pick<
  DataPlane,
  'router' | 'sealer' | 'limits' | 'nextKey' | 'nextNonce' | 'tracer'
> &
  // Of a server that is removed while its client is there.
  Partial<Pick<DataPlane, 'directory'>>;

export class DuplexClient {
  readonly #plane: DuplexPlane;
  readonly #caller: ModernCaller;
  readonly #host: WebSocketHost;
  readonly #calls: ModernCalls;
  #session: WebSocketSession | undefined;

  constructor(plane: DuplexPlane, caller: ModernCaller, host: WebSocketHost) {
    this.#plane = plane;
    this.#caller = caller;
    this.#host = host;
    this.#calls = new ModernCalls(plane, caller, host);
  }

  /** One text of the client, a message or a batch; what is wrong with it is answered. Returns how many answers are owed for it. */
  take(data: Buffer): number {
    let body: ClientBody | undefined;
    try {
      body = parseBody(data, this.#plane.limits);
      this.#take(body);
      return body.requests;
    } catch (thrown) {
      const [first] = body?.messages ?? [];
      const id = thrown instanceof BodyError ? thrown.id : first && !body?.batch ? idOf(first) : undefined;
      this.#host.say(rpcErrorText(thrown instanceof BodyError ? thrown.error : toBerthError(thrown), id));
      return 1;
    }
  }

  /** Calls are in flight. */
  get busy(): boolean {
    return this.#calls.busy || this.#session?.busy === true;
  }

  /** What is only listened to is completed: the stream is about to end. */
  leave(): void {
    this.#calls.completeListens();
  }

  /** The stream is gone, and with it every call and the session. */
  close(): void {
    this.#calls.close();
    this.#session?.close();
  }

  #take(body: ClientBody): void {
    const [first] = body.messages;
    if (!first) return;
    if (body.requests > 0) this.#refuseRemoved();
    if (body.batch) {
      if (body.modern) throw new BerthError('invalid-request', 'this protocol revision has no batches');
      return this.#takeLegacy(body);
    }
    const { kind, method } = first.envelope;
    const cancels = kind === 'notification' && method === 'notifications/cancelled';
    if (cancels && this.#calls.cancel(first)) return;
    const isCall = kind === 'request' || kind === 'notification';
    if (!isCall || !hasEnvelope(first)) return this.#takeLegacy(body, first);
    // Modern notifications are for calls that are over, or for nobody.
    if (kind === 'request') this.#calls.start(first);
  }

  /** What is in flight goes on, as with a client that asks each time. Another server may have the name by now. */
  #refuseRemoved(): void {
    const { id, name } = this.#caller.server;
    const { directory } = this.#plane;
    if (!directory || directory.find(name)?.id === id) return;
    throw new BerthError('not-found', `the server ${name} of this connection was removed`, {
      hint: 'Connect again, if there is a server of that name.',
    });
  }

  #takeLegacy(body: ClientBody, single?: ClientMessage): void {
    if (single?.envelope.kind === 'request' && single.envelope.method === 'initialize') this.#open();
    if (this.#session) this.#session.take(body);
    else if (body.requests > 0) throw notOpened();
  }

  /** A client that initializes again starts over: some programs probe a connection before they hand it to their client. */
  #open(): void {
    if (this.#session && !this.#session.answered) return;
    const { conversation } = newSession(this.#plane, this.#caller);
    this.#session?.close();
    this.#session = new WebSocketSession(this.#host, conversation);
  }
}
