/** The channel to a server of revision 2024-11-05: one event stream for what it says, and an address to post messages to. */
import type { IncomingMessage } from 'node:http';
import { type BerthError, toBerthError } from '../errors.ts';
import { scanServerMessage } from '../jsonrpc/envelope.ts';
import type { Channel, ChannelHandler } from './channel.ts';
import { failureText, noAnswer, remoteFailure } from './http-failure.ts';
import type { HttpOptions } from './http-options.ts';
import { errorAnswer } from './http-refusal.ts';
import type { Refusal } from './http-traffic.ts';
import type { Outgoing } from './outbox.ts';
import { CLOSE_MS, RemoteChannel } from './remote-channel.ts';
import { bodyKind } from './response-body.ts';

/** Milliseconds in which the server names the address for messages. */
const ENDPOINT_MS = 30_000;
/** Milliseconds in which it says that it has taken a message. */
const POST_MS = 60_000;

/** Opens its stream when it is started; the channel ends with the stream. */
export function createSseChannel(options: HttpOptions): Channel {
  return new SseChannel(options);
}

class SseChannel extends RemoteChannel {
  readonly #url: URL;
  #postUrl: URL | undefined;

  constructor(options: HttpOptions) {
    super(options);
    this.#url = options.endpoint.url;
  }

  start(handler: ChannelHandler): void {
    this.inbound.handler = handler;
    this.#read().then(
      () => this.end({ reason: 'peer-closed', cause: streamEnded() }),
      (thrown: unknown) => {
        const error = toBerthError(thrown);
        if (!this.isEnded) this.options.onFailure?.({ error });
        this.end({ reason: 'failed', cause: error });
      },
    );
  }

  protected async leave(): Promise<void> {
    await Promise.race([this.outbox.idle(), this.traffic.wait(CLOSE_MS)]);
  }

  /** The stream ends with the traffic. */
  protected release(): void {}

  /** Resolves when the stream has ended. */
  async #read(): Promise<void> {
    const request = this.traffic.request({ method: 'GET', headers: { accept: 'text/event-stream' } });
    const late = this.traffic.after(ENDPOINT_MS, request.abort);
    try {
      const response = await request.response;
      const refusal = await this.traffic.refusal(response);
      if (refusal) throw refusal.error;
      await this.#events(response, late);
      if (!this.#postUrl) throw noEndpoint();
    } finally {
      late();
    }
  }

  async #events(response: IncomingMessage, named: () => void): Promise<void> {
    if (bodyKind(response) !== 'events') {
      response.destroy();
      throw noAnswer(response.statusCode, response.headers['content-type']);
    }
    const refused = Promise.withResolvers<never>();
    const body = this.traffic.read(response, {
      message: (bytes) => this.#deliver(bytes),
      oversized: (id, bytes, asks) => !this.isClosing && this.inbound.oversized(id, bytes, asks),
      event: (type, data) => {
        if (type !== 'endpoint' || this.#postUrl) return;
        named();
        try {
          this.#postUrl = this.#endpoint(data.toString('utf8'));
        } catch (error) {
          return refused.reject(error);
        }
        this.outbox.release();
      },
    });
    await Promise.race([body.ended, refused.promise]);
  }

  /** Where messages go: never to another server than the one that was asked for. */
  #endpoint(text: string): URL {
    const url = URL.parse(text, this.#url.href);
    if (url?.origin === this.#url.origin && url.username === '' && url.password === '') return url;
    throw remoteFailure(
      `the remote server wants messages to be sent to another place (${url?.origin ?? 'no URL'})`,
      'Such a server is not used: credentials would go to somebody else. Check the URL.',
    );
  }

  protected async carry(message: Outgoing, taken: () => void): Promise<void> {
    const request = this.traffic.request({
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: message.bytes,
      ...(this.#postUrl && { url: this.#postUrl }),
    });
    void request.written.then(taken);
    const late = this.traffic.after(POST_MS, request.abort);
    try {
      const response = await request.response;
      const refusal = await this.traffic.refusal(response);
      if (refusal) this.#refused(message, refusal);
      else response.resume();
    } catch (thrown) {
      const error = toBerthError(thrown);
      if (!this.isEnded) this.options.onFailure?.({ error });
      this.#fail(message, error);
    } finally {
      late();
    }
  }

  #refused(message: Outgoing, refusal: Refusal): void {
    this.options.onFailure?.(refusal);
    const own = message.envelope.kind === 'request' ? errorAnswer(refusal, rawId(message)) : undefined;
    if (own) this.#deliver(own);
    else this.#fail(message, refusal.error);
  }

  /** Nobody waits for anything but the answers to requests. */
  #fail(message: Outgoing, error: BerthError): void {
    if (message.envelope.kind !== 'request' || this.isClosing || this.isEnded) return;
    const bytes = failureText(rawId(message), error);
    const { envelope } = scanServerMessage(bytes);
    if (envelope) this.inbound.handler?.message(bytes, envelope);
  }

  #deliver(bytes: Buffer): void {
    if (!this.isClosing && !this.isEnded) this.inbound.line(bytes);
  }
}

function rawId({ bytes, envelope }: Outgoing): string {
  return bytes.toString('utf8', envelope.idStart, envelope.idEnd);
}

/** The transport ends with its stream: what was asked may have been done. */
function streamEnded(): BerthError {
  return remoteFailure(
    'the remote server closed the event stream',
    'Send initialize again; look at the remote server if it closes the stream again.',
  );
}

function noEndpoint(): BerthError {
  return remoteFailure(
    'the remote server names no address for messages',
    'Check whether the URL is that of an HTTP+SSE server of revision 2024-11-05.',
  );
}
