/**
 * Streamable HTTP of 2025-11-25 in front of a carrier per session: what the suite speaks, in front of transports that it cannot reach. Nothing
 * of a message is changed; the front only picks the stream that it goes out on.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Carrier, Fields, OpenCarrier, Wire } from './carrier.ts';
import {
  type Front,
  failed,
  openEvents,
  readMessage,
  sendEvent,
  sendJson,
  serveFront,
} from './http-server.ts';

const SESSION_HEADER = 'mcp-session-id';

interface Exchange {
  readonly request: Wire;
  readonly response: ServerResponse;
}

class Session {
  readonly id = randomUUID();
  readonly #exchanges = new Map<unknown, Exchange>();
  readonly #held: Wire[] = [];
  #standalone: ServerResponse | undefined;
  carrier!: Carrier;

  async post(message: Wire, response: ServerResponse): Promise<void> {
    const isRequest = message.method !== undefined && message.id !== undefined;
    if (isRequest) this.#exchanges.set(message.id, { request: message, response });
    await this.carrier.send(message);
    if (!isRequest) response.writeHead(202).end();
  }

  get(response: ServerResponse): void {
    this.#standalone = response;
    openEvents(response);
    for (const message of this.#held.splice(0)) sendEvent(response, message);
  }

  /** The connection is the session: without it nobody gets an answer any more. */
  lost(): void {
    for (const { response } of this.#exchanges.values()) response.destroy();
    this.#standalone?.end();
  }

  receive(message: Wire): void {
    const exchange = message.method === undefined ? this.#exchanges.get(message.id) : undefined;
    if (exchange) this.#answer(exchange, message);
    else this.#deliver(message);
  }

  #answer({ response }: Exchange, message: Wire): void {
    this.#exchanges.delete(message.id);
    if (response.headersSent) {
      sendEvent(response, message);
      response.end();
    } else {
      response.setHeader(SESSION_HEADER, this.id);
      sendJson(response, 200, message);
    }
  }

  /** Progress to its request; anything else to the only request in flight, or the session's own stream, or there later. */
  #deliver(message: Wire): void {
    const token = message.params?.progressToken;
    const waiting = [...this.#exchanges.values()];
    const owner =
      token === undefined
        ? waiting.length === 1 && waiting[0]
        : waiting.find(({ request }) => (request.params?._meta as Fields)?.progressToken === token);
    const stream = owner ? owner.response : this.#standalone;
    if (stream) sendEvent(stream, message);
    else this.#held.push(message);
  }
}

class LegacyFront {
  readonly #open: OpenCarrier;
  readonly #sessions = new Map<string, Session>();

  constructor(open: OpenCarrier) {
    this.#open = open;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const session = this.#sessions.get(String(request.headers[SESSION_HEADER]));
    if (request.method === 'POST') return this.#post(session, await readMessage(request), response);
    if (!session) return sendJson(response, 404, failed(null, -32001, 'No such session'));
    if (request.method === 'GET') return session.get(response);
    this.#sessions.delete(session.id);
    await session.carrier.close();
    response.writeHead(200).end();
  }

  async #post(session: Session | undefined, message: Wire, response: ServerResponse): Promise<void> {
    if (session) return session.post(message, response);
    if (message.method !== 'initialize')
      return sendJson(response, 404, failed(message.id ?? null, -32001, 'No such session'));
    const started = new Session();
    started.carrier = await this.#open((received) => started.receive(received));
    this.#sessions.set(started.id, started);
    void started.carrier.ended.then(() => started.lost());
    await started.post(message, response);
  }

  async close(): Promise<void> {
    const sessions = [...this.#sessions.values()];
    await Promise.all(sessions.map(({ carrier }) => carrier.close()));
  }
}

/** Serves legacy clients, each session over a carrier of its own. */
export function startLegacyFront(open: OpenCarrier): Promise<Front> {
  const front = new LegacyFront(open);
  return serveFront(
    (request, response) => front.answer(request, response),
    () => front.close(),
  );
}
