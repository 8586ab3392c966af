/**
 * Modern Streamable HTTP in front of one shared carrier of messages: what the suite speaks, in front of what it cannot reach. It keeps
 * the rules that exist only in HTTP (headers, statuses, cancellation by closing) and leaves everything else to the other end.
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Carrier, Fields, OpenCarrier, Wire } from './carrier.ts';
import { type Front, failed, readMessage, sendEvent, sendJson, serveFront } from './http-server.ts';

const PREFIX = 'io.modelcontextprotocol/';
const SUBSCRIPTION_ID = `${PREFIX}subscriptionId`;
const STATUSES: Readonly<Record<number, number>> = {
  [-32601]: 404,
  [-32020]: 400,
  [-32021]: 400,
  [-32022]: 400,
};

/** One POST while it waits for its answer. */
interface Exchange {
  readonly request: Wire;
  readonly meta: Fields;
  readonly response: ServerResponse;
}

function metaOf(message: Wire): Fields {
  return (message.params?._meta ?? {}) as Fields;
}

/** The name that the header `Mcp-Name` repeats. */
function nameOf({ method, params = {} }: Wire): unknown {
  if (method === 'tools/call' || method === 'prompts/get') return params.name;
  return method === 'resources/read' ? params.uri : undefined;
}

function mismatch(headers: IncomingHttpHeaders, message: Wire, meta: Fields): string | undefined {
  const version = meta[`${PREFIX}protocolVersion`];
  if (version !== undefined && headers['mcp-protocol-version'] !== version) return 'MCP-Protocol-Version';
  if (headers['mcp-method'] !== message.method) return 'Mcp-Method';
  const name = nameOf(message);
  return name !== undefined && headers['mcp-name'] !== name ? 'Mcp-Name' : undefined;
}

class ModernFront {
  readonly #exchanges = new Map<number, Exchange>();
  #last = 0;
  carrier!: Carrier;

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'POST') return sendJson(response, 405, failed(null, -32000, 'POST only'));
    const message = await readMessage(request);
    const meta = metaOf(message);
    const wrong = mismatch(request.headers, message, meta);
    // without this key only the header says that the message is modern, and a carrier has no headers
    if (meta[`${PREFIX}protocolVersion`] === undefined)
      sendJson(response, 400, failed(message.id, -32602, '_meta names no version'));
    else if (wrong !== undefined)
      sendJson(response, 400, failed(message.id, -32020, `${wrong} and body differ`));
    else this.#forward({ request: message, meta, response });
  }

  /** Ids and tokens become ours: on the shared carrier those of several requests would clash. */
  #forward(exchange: Exchange): void {
    const key = ++this.#last;
    const { request, meta, response } = exchange;
    this.#exchanges.set(key, exchange);
    response.once('close', () => this.#gone(key));
    const token = meta.progressToken === undefined ? {} : { progressToken: key };
    const carried = request.params?._meta === undefined ? {} : { _meta: { ...meta, ...token } };
    void this.carrier.send({ ...request, id: key, params: { ...request.params, ...carried } });
  }

  /** Without the carrier nobody gets an answer any more. */
  lost(): void {
    for (const { response } of this.#exchanges.values()) response.destroy();
  }

  #gone(key: number): void {
    if (!this.#exchanges.delete(key)) return;
    const params = { requestId: key };
    void this.carrier.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params });
  }

  receive(message: Wire): void {
    if (message.method === undefined) this.#answered(message);
    else this.#notified(message);
  }

  #answered(message: Wire): void {
    const exchange = this.#exchanges.get(message.id as number);
    if (!exchange) return;
    this.#exchanges.delete(message.id as number);
    const { request, meta, response } = exchange;
    const answer = { ...message, id: request.id };
    if (response.headersSent) {
      sendEvent(response, answer);
      response.end();
      return;
    }
    const enveloped = ['protocolVersion', 'clientCapabilities'].every(
      (key) => meta[PREFIX + key] !== undefined,
    );
    const status = message.error === undefined ? 200 : (STATUSES[message.error.code] ?? 200);
    sendJson(response, enveloped ? status : 400, answer);
  }

  /** A log message names no request: it can only belong to the one that asked for logs. */
  #notified(message: Wire): void {
    const { progressToken } = message.params ?? {};
    const subscription = metaOf(message)[SUBSCRIPTION_ID];
    const wanting = [...this.#exchanges].filter(([, { meta }]) => meta[`${PREFIX}logLevel`] !== undefined);
    const key = progressToken ?? subscription ?? (wanting.length === 1 ? wanting[0]![0] : undefined);
    const exchange = this.#exchanges.get(key as number);
    if (!exchange) return;
    const params = { ...message.params };
    if (progressToken !== undefined) params.progressToken = exchange.meta.progressToken;
    if (subscription !== undefined)
      params._meta = { ...metaOf(message), [SUBSCRIPTION_ID]: exchange.request.id };
    sendEvent(exchange.response, { ...message, params });
  }
}

/** Serves modern clients over `open`'s one carrier. */
export async function startModernFront(open: OpenCarrier): Promise<Front> {
  const front = new ModernFront();
  const carrier = await open((message) => front.receive(message));
  front.carrier = carrier;
  void carrier.ended.then(() => front.lost());
  return serveFront(
    (request, response) => front.answer(request, response),
    () => carrier.close(),
  );
}
