/** The span of one call, by OpenTelemetry's conventions for MCP. Neither arguments nor results are in it, and no text of a server. */
import { type Attributes, type Span, SpanKind, SpanStatusCode, type Tracer } from '@opentelemetry/api';
import type { BerthError } from '../errors.ts';
import { readString } from '../jsonrpc/envelope.ts';
import { hashId } from '../log/ids.ts';
import { type ClientMessage, rawId } from '../sessions/message.ts';
import type { ReaderEnd } from '../sessions/reader.ts';
import type { TracedClient } from '../transports/call-tracer.ts';
import type { Answer } from './answer.ts';
import { originOf } from './origin.ts';

export type SpanTransport = 'streamable-http' | 'sse' | 'websocket' | 'api';

/** Characters of a name that a client has chosen. */
const MOST_TEXT = 128;

export interface CallCircumstances {
  readonly tracer: Tracer;
  readonly client: TracedClient;
  readonly transport: SpanTransport;
}

/** Ends once; what is said later means nothing. */
export class CallSpan {
  readonly #span: Span;
  #over = false;

  private constructor(span: Span) {
    this.#span = span;
  }

  /** Undefined for a call whose trace is not recorded. */
  static begin(
    message: ClientMessage,
    { tracer, client, transport }: CallCircumstances,
  ): CallSpan | undefined {
    const { method, modern } = message.envelope;
    const { context, links } = originOf(message, client.request?.headers);
    const target = targetOf(message);
    const named = shorten(method);
    const name = target === undefined ? named : `${named} ${target.name}`;
    const span = tracer.startSpan(name, { kind: SpanKind.SERVER, links }, context);
    if (!span.isRecording()) return undefined;
    const version = versionOf(message, client);
    span.setAttributes({
      'mcp.method.name': named,
      'jsonrpc.request.id': shorten(rawId(message).replace(/^"|"$/g, '')),
      ...target?.attributes,
      ...(version !== undefined && { 'mcp.protocol.version': shorten(version) }),
      ...(client.session !== undefined && { 'mcp.session.id': hashId(client.session) }),
      ...NETWORK[transport],
      'berth.server': client.server,
      'berth.transport': transport,
      'berth.era': modern ? 'modern' : 'legacy',
    });
    return new CallSpan(span);
  }

  answered({ errorCode, isToolError }: Answer): void {
    if (errorCode !== undefined) this.#fail(errorCode, { 'rpc.response.status_code': errorCode });
    else if (isToolError) this.#fail('tool_error');
    else this.#end();
  }

  /** It was not taken; the client is answered with this. */
  refused({ rpc, code, message }: BerthError): void {
    this.#fail(`${rpc}`, { 'rpc.response.status_code': `${rpc}`, 'berth.error.code': code }, message);
  }

  /** Its reader gets nothing more, and had no answer. */
  unanswered(reason: ReaderEnd): void {
    this.#fail(reason === 'complete' ? 'cancelled' : 'no_answer');
  }

  /** Its client has cancelled it, or is gone. */
  given(up: 'cancelled' | 'client_gone'): void {
    this.#fail(up);
  }

  /** It was taken, and its answer goes out elsewhere. */
  handedOver(): void {
    this.#end();
  }

  #fail(type: string, attributes: Attributes = {}, message?: string): void {
    if (this.#over) return;
    this.#span.setAttributes({ 'error.type': type, ...attributes });
    this.#span.setStatus({ code: SpanStatusCode.ERROR, ...(message !== undefined && { message }) });
    this.#end();
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#span.end();
  }
}

const HTTP = { 'network.transport': 'tcp', 'network.protocol.name': 'http' } as const;
const NETWORK: Readonly<Record<SpanTransport, Attributes>> = {
  'streamable-http': HTTP,
  sse: HTTP,
  websocket: { 'network.transport': 'tcp', 'network.protocol.name': 'websocket' },
  // Berth's own: there is no client on a network.
  api: {},
};

/** What of few names the call is about. */
function targetOf({
  bytes,
  envelope: { method, nameStart, nameEnd },
}: ClientMessage): { readonly name: string; readonly attributes: Attributes } | undefined {
  if (nameStart < 0) return undefined;
  const name = shorten(readString(bytes, nameStart, nameEnd));
  if (method === 'tools/call')
    return { name, attributes: { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': name } };
  if (method === 'prompts/get') return { name, attributes: { 'gen_ai.prompt.name': name } };
  return undefined;
}

function versionOf({ bytes, envelope }: ClientMessage, { request }: TracedClient): string | undefined {
  const { metaVersionStart, metaVersionEnd, versionStart, versionEnd } = envelope;
  if (metaVersionStart >= 0) return readString(bytes, metaVersionStart, metaVersionEnd);
  if (versionStart >= 0) return readString(bytes, versionStart, versionEnd);
  const header = request?.headers['mcp-protocol-version'];
  return typeof header === 'string' ? header : undefined;
}

function shorten(text: string): string {
  return text.slice(0, MOST_TEXT);
}
