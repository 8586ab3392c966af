/** How one message gets to a server over HTTP: with the headers of its era, and once more where the first time did not count. */
import type { IncomingMessage } from 'node:http';
import { isHeaderMismatch } from './http-refusal.ts';
import type { HttpTraffic, Refusal } from './http-traffic.ts';
import { modernHeaders } from './modern-request.ts';
import { isAnswer, type Outgoing } from './outbox.ts';
import type { SessionKeeper } from './session-keeper.ts';
import type { ToolHeaders } from './tool-headers.ts';
import { listTools } from './tool-list.ts';

/** A success whose body has not been read, or a refusal. */
export type Posted =
  | { readonly response: IncomingMessage; readonly refusal?: never }
  | { readonly response?: never; readonly refusal: Refusal };

/** What the sender of a message wants to know of its sending. */
export interface Sending {
  /** Its bytes have left. May be called more than once. */
  readonly taken: () => void;
  /** Gets what ends it. */
  readonly through: (drop: () => void) => void;
  /** Nobody wants it any more: it must not be sent again. */
  readonly isOver: () => boolean;
}

export interface HttpPostingOptions {
  readonly traffic: HttpTraffic;
  readonly keeper: SessionKeeper;
  readonly tools: ToolHeaders;
}

/** Of every POST. */
export const POST_HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
} as const;

/** Milliseconds in which a server says that it has taken a notification or an answer. */
const NOTE_MS = 30_000;

export class HttpPosting {
  readonly #options: HttpPostingOptions;

  constructor(options: HttpPostingOptions) {
    this.#options = options;
  }

  /** Sends a message. Rejects with `remote-failed` when there is no response. */
  post(message: Outgoing, sending: Sending): Promise<Posted> {
    return message.envelope.modern ? this.#modern(message, sending) : this.#legacy(message, sending);
  }

  /** Sends what has no answer; a server that does not say in time that it has taken it is not waited for. */
  async postNote(message: Outgoing, taken: () => void): Promise<Posted> {
    let drop = (): void => {};
    const through = (abort: () => void): void => {
      drop = abort;
    };
    const late = this.#options.traffic.after(NOTE_MS, () => drop());
    try {
      return await this.post(message, { taken, through, isOver: () => false });
    } finally {
      late();
    }
  }

  /** In another session when its own is gone: the server has said that it did nothing. */
  async #legacy(message: Outgoing, sending: Sending): Promise<Posted> {
    const { keeper } = this.#options;
    const session = await keeper.session();
    const posted = await this.#send(message, sending);
    if (!posted.refusal || !(await keeper.renewed(posted.refusal, session))) return posted;
    // The request that it answers went with its session.
    return isAnswer(message) || sending.isOver() ? posted : await this.#send(message, sending);
  }

  /** Once more when the server's tools have turned out to be others than those that are known. */
  async #modern(message: Outgoing, sending: Sending): Promise<Posted> {
    const { keeper, tools } = this.#options;
    const posted = await this.#send(message, sending);
    if (message.envelope.method !== 'tools/call' || !posted.refusal || !isHeaderMismatch(posted.refusal))
      return posted;
    await listTools({ asker: keeper.asker, tools, headers: POST_HEADERS }, message);
    return sending.isOver() ? posted : await this.#send(message, sending);
  }

  async #send(message: Outgoing, { taken, through }: Sending): Promise<Posted> {
    const { traffic, keeper, tools } = this.#options;
    const own = message.envelope.modern ? modernHeaders(message, tools) : keeper.headersOf(message);
    const headers = { ...own, ...POST_HEADERS };
    const request = traffic.request({ method: 'POST', headers, body: message.bytes });
    void request.written.then(taken);
    through(request.abort);
    const response = await request.response;
    const refusal = await traffic.refusal(response);
    return refusal ? { refusal } : { response };
  }
}
