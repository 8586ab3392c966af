/** Everything that one channel has under way over HTTP: so that all of it can be paused, waited for and ended together. */
import type { IncomingMessage } from 'node:http';
import type { Cancel, Clock } from '../clock.ts';
import type { BerthError } from '../errors.ts';
import { exchange, type HttpEndpoint, type HttpExchange, type HttpRequest } from './http-client.ts';
import { renewedExchange } from './http-credential.ts';
import { fitToShow, statusFailure } from './http-failure.ts';
import { type BodyReceiver, ResponseBody, readText } from './response-body.ts';

export interface TrafficOptions {
  readonly endpoint: HttpEndpoint;
  readonly clock: Clock;
  /** Bytes of one message. */
  readonly maxBytes: number;
  /** Takes secrets out of what a server says. */
  readonly scrub: (text: string) => string;
}

/** A response that is no success: its body has been read. */
export interface Refusal {
  readonly status: number;
  readonly body: Buffer;
  readonly error: BerthError;
}

/** Milliseconds in which a refusal must have said what it has to say. */
const REFUSAL_MS = 10_000;

export class HttpTraffic {
  readonly #options: TrafficOptions;
  readonly #exchanges = new Set<HttpExchange>();
  readonly #bodies = new Set<ResponseBody>();
  readonly #waits = new Set<() => void>();
  #paused = false;
  #ended = false;

  constructor(options: TrafficOptions) {
    this.#options = options;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Sends a request. Whoever calls keeps the exchange until its body has ended. */
  request(request: HttpRequest): HttpExchange {
    const { endpoint, clock } = this.#options;
    const send = () => exchange(endpoint, request, clock);
    const started = endpoint.credential ? renewedExchange(send, endpoint.credential) : send();
    this.#exchanges.add(started);
    void started.closed.then(() => this.#exchanges.delete(started));
    if (this.#ended) started.abort();
    return started;
  }

  /** The refusal that a response is; undefined for a success, whose body is left to be read. */
  async refusal(response: IncomingMessage): Promise<Refusal | undefined> {
    const { statusCode: status = 0, headers } = response;
    if (status >= 200 && status < 300) return undefined;
    const late = this.after(REFUSAL_MS, () => response.destroy());
    const body = await readText(response);
    late();
    const { credential } = this.#options.endpoint;
    if (status === 401 && credential) return { status, body, error: credential.failure };
    const text = fitToShow(body, this.#options.scrub);
    return { status, body, error: statusFailure({ status, location: headers.location, text }) };
  }

  /** Reads a body that is JSON or events, as long as nothing is paused. */
  read(response: IncomingMessage, receiver: BodyReceiver): ResponseBody {
    const body = new ResponseBody(response, this.#options.maxBytes, receiver);
    this.#bodies.add(body);
    void body.ended.then(() => this.#bodies.delete(body));
    if (this.#paused) body.pause();
    return body;
  }

  pause(): void {
    this.#paused = true;
    for (const body of this.#bodies) body.pause();
  }

  resume(): void {
    this.#paused = false;
    for (const body of this.#bodies) body.resume();
  }

  /** Resolves after `ms`, or when everything ends, or when the function that `interrupted` gets is called. */
  wait(ms: number, interrupted: (stop: () => void) => void = () => {}): Promise<void> {
    return new Promise((resolve) => {
      const stop = (): void => {
        cancel();
        this.#waits.delete(stop);
        resolve();
      };
      const cancel = this.#options.clock.after(ms, stop);
      this.#waits.add(stop);
      interrupted(stop);
      if (this.#ended) stop();
    });
  }

  /** Calls `fn` after `ms`, unless cancelled before. */
  after(ms: number, fn: () => void): Cancel {
    return this.#options.clock.after(ms, fn);
  }

  /** Drops what is under way, and everything that is begun afterwards. */
  end(): void {
    this.#ended = true;
    for (const one of this.#exchanges) one.abort();
    for (const stop of this.#waits) stop();
  }
}
