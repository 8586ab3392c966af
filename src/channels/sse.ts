/** The channel to a server of revision 2024-11-05: one event stream for what it says, and an address to post messages to. */
import type { IncomingMessage } from 'node:http';
import { systemClock } from '../clock.ts';
import { type BerthError, toBerthError } from '../errors.ts';
import { scanMessage, scanServerMessage } from '../jsonrpc/envelope.ts';
import type { Channel, ChannelEnd, ChannelHandler, ChannelStats } from './channel.ts';
import { failureText, noAnswer, remoteFailure } from './http-failure.ts';
import type { HttpOptions } from './http-options.ts';
import { errorAnswer } from './http-refusal.ts';
import { HttpTraffic, type Refusal } from './http-traffic.ts';
import { Inbound } from './inbound.ts';
import { Outbox, type Outgoing } from './outbox.ts';
import { bodyKind } from './response-body.ts';

/** Milliseconds in which the server names the address for messages. */
const ENDPOINT_MS = 30_000;
/** Milliseconds in which it says that it has taken a message. */
const POST_MS = 60_000;
/** Milliseconds that a close waits for what is still being sent. */
const CLOSE_MS = 2_000;

/** Opens its stream when it is started; the channel ends with the stream. */
export function createSseChannel(options: HttpOptions): Channel {
  return new SseChannel(options);
}

class SseChannel implements Channel {
  readonly #options: HttpOptions;
  readonly #url: URL;
  readonly #traffic: HttpTraffic;
  readonly #inbound = new Inbound();
  readonly #outbox: Outbox;
  #postUrl: URL | undefined;
  #closing: Promise<void> | undefined;
  #ended = false;

  constructor(options: HttpOptions) {
    this.#options = options;
    const { endpoint, maxLineBytes, clock = systemClock, scrub = (text) => text } = options;
    this.#url = endpoint.url;
    this.#traffic = new HttpTraffic({ endpoint, clock, maxBytes: maxLineBytes, scrub });
    this.#outbox = new Outbox({
      send: (message, taken) => this.#post(message, taken),
      drain: () => this.#inbound.handler?.drain(),
    });
  }

  get stats(): ChannelStats {
    return this.#inbound.stats;
  }

  get queued(): number {
    return this.#outbox.queued;
  }

  start(handler: ChannelHandler): void {
    this.#inbound.handler = handler;
    this.#read().then(
      () => this.#end({ reason: 'peer-closed', cause: streamEnded() }),
      (thrown: unknown) => {
        const error = toBerthError(thrown);
        if (!this.#ended) this.#options.onFailure?.({ error });
        this.#end({ reason: 'failed', cause: error });
      },
    );
  }

  send(parts: readonly Uint8Array[]): boolean {
    if (this.#ended || this.#closing) return true;
    const bytes = Buffer.concat(parts);
    const { envelope } = scanMessage(bytes);
    if (!envelope) return true;
    this.#inbound.messagesOut++;
    this.#inbound.bytesOut += bytes.length;
    return this.#outbox.add({ bytes, envelope });
  }

  pause(): void {
    this.#traffic.pause();
  }

  resume(): void {
    this.#traffic.resume();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.race([this.#outbox.idle(), this.#traffic.wait(CLOSE_MS)]);
    this.#end({ reason: 'closed' });
  }

  #end(end: ChannelEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#traffic.end();
    this.#options.onEnd?.();
    this.#inbound.handler?.end(this.#closing ? { reason: 'closed' } : end);
  }

  /** Resolves when the stream has ended. */
  async #read(): Promise<void> {
    const request = this.#traffic.request({ method: 'GET', headers: { accept: 'text/event-stream' } });
    const late = this.#traffic.after(ENDPOINT_MS, request.abort);
    try {
      const response = await request.response;
      const refusal = await this.#traffic.refusal(response);
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
    const body = this.#traffic.read(response, {
      message: (bytes) => this.#deliver(bytes),
      oversized: (id, bytes) => !this.#closing && this.#inbound.oversized(id, bytes),
      event: (type, data) => {
        if (type !== 'endpoint' || this.#postUrl) return;
        named();
        try {
          this.#postUrl = this.#endpoint(data.toString('utf8'));
        } catch (error) {
          return refused.reject(error);
        }
        this.#outbox.release();
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

  async #post(message: Outgoing, taken: () => void): Promise<void> {
    const request = this.#traffic.request({
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: message.bytes,
      ...(this.#postUrl && { url: this.#postUrl }),
    });
    void request.written.then(taken);
    const late = this.#traffic.after(POST_MS, request.abort);
    try {
      const response = await request.response;
      const refusal = await this.#traffic.refusal(response);
      if (refusal) this.#refused(message, refusal);
      else response.resume();
    } catch (thrown) {
      const error = toBerthError(thrown);
      if (!this.#ended) this.#options.onFailure?.({ error });
      this.#fail(message, error);
    } finally {
      late();
    }
  }

  #refused(message: Outgoing, refusal: Refusal): void {
    this.#options.onFailure?.(refusal);
    const own = message.envelope.kind === 'request' ? errorAnswer(refusal, rawId(message)) : undefined;
    if (own) this.#deliver(own);
    else this.#fail(message, refusal.error);
  }

  /** Nobody waits for anything but the answers to requests. */
  #fail(message: Outgoing, error: BerthError): void {
    if (message.envelope.kind !== 'request' || this.#closing || this.#ended) return;
    const bytes = failureText(rawId(message), error);
    const { envelope } = scanServerMessage(bytes);
    if (envelope) this.#inbound.handler?.message(bytes, envelope);
  }

  #deliver(bytes: Buffer): void {
    if (!this.#closing && !this.#ended) this.#inbound.line(bytes);
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
