/**
 * Calls that this program makes itself to the servers that it hosts, for callers that speak no MCP (the API, the control
 * endpoint): a modern client without a transport. What guards, sessions and lanes do for other clients holds for it, too.
 */
import { randomBytes } from 'node:crypto';
import { BerthError, errorData, toBerthError } from '../errors.ts';
import { parseExact } from '../exact-json.ts';
import type { Attachment, ReaderEnd, StreamEvent, StreamReader } from '../sessions/reader.ts';
import { BodyError, parseMessage } from './client-body.ts';
import type { Caller, DataPlane } from './context.ts';
import { MODERN_REVISION } from './modern/revision.ts';
import { type ModernRoute, routeModern } from './modern/route.ts';
import { unanswered } from './rpc-error.ts';
import { awaitedOf, serverOf } from './served-server.ts';

export interface OwnCall {
  /** Name of the server. */
  readonly server: string;
  /** For whom the call is made: what it may do and whose processes it uses. */
  readonly caller: Caller;
  readonly method: string;
  /** Of `_meta` only the trace context goes on: the rest is the business of whoever asked. */
  readonly params: Readonly<Record<string, unknown>>;
  /** What the client behind it can be asked; input by form and by URL unless given. */
  readonly capabilities?: Readonly<Record<string, unknown>>;
  /** Gets each notification that belongs to the call, progress above all. */
  readonly onNotification?: (method: string, params: Readonly<Record<string, unknown>>) => void;
  /** Cancels the call. */
  readonly signal?: AbortSignal;
}

/** A JSON-RPC answer. */
export type OwnAnswer = { readonly result: Readonly<Record<string, unknown>> } | OwnError;

interface OwnError {
  readonly error: { readonly code: number; readonly message: string; readonly data?: unknown };
}

/** Rejects with BerthError when the call was not taken or its answer cannot come, and with the signal's reason. */
export type OwnCalls = (call: OwnCall) => Promise<OwnAnswer>;

export type OwnCallsPlane = Pick<DataPlane, 'directory' | 'router' | 'sealer' | 'limits' | 'tracer'>;

const META = 'io.modelcontextprotocol';
/** Questions are handed on to whoever asked for the call. */
const CAPABILITIES = { elicitation: { form: {}, url: {} } };
/** Named without a prefix by the protocol itself. */
const TRACE_FIELDS = ['traceparent', 'tracestate', 'baggage'] as const;
const CLIENT = { name: 'berth', version: '0' };
const RAW_ID = '1';
const INSTANCE_BYTES = 9;

export function createOwnCalls(plane: OwnCallsPlane): OwnCalls {
  const instance = randomBytes(INSTANCE_BYTES).toString('base64url');
  let count = 0;
  return async (call) => {
    const { signal, server: name, caller } = call;
    signal?.throwIfAborted();
    await awaitedOf(plane, name)?.(signal ?? new AbortController().signal);
    const server = serverOf(plane, name);
    const key = `${instance}.${++count}`;
    const message = toMessage(plane, call, key);
    const route = routed(plane, { server, principal: caller }, message);
    if ('error' in route) return route;
    const { conversation, resume, sealed } = route;
    return await new Promise<OwnAnswer>((resolve, reject) => {
      const reader = new OwnReader({ sealed, resolve, reject, onNotification: call.onNotification });
      const leave = (): void => reader.leave(signal?.reason);
      signal?.addEventListener('abort', leave, { once: true });
      reader.onOver = () => signal?.removeEventListener('abort', leave);
      reader.attachment = conversation.call(
        {
          key,
          messages: [route.message],
          batch: false,
          modern: { transport: 'api', ...(resume && { resume }) },
        },
        reader,
      );
      if (signal?.aborted) leave();
    });
  };
}

/** A state that is refused is answered as by a server that refuses it: the fault is its caller's. */
function routed(...[plane, caller, message]: Parameters<typeof routeModern>): ModernRoute | OwnError {
  try {
    return routeModern(plane, caller, message);
  } catch (thrown) {
    const error = toBerthError(thrown);
    if (error.code !== 'invalid-params') throw error;
    return { error: { code: error.rpc, message: error.message, data: errorData(error) } };
  }
}

function toMessage(
  { limits }: OwnCallsPlane,
  { method, params: { _meta: given, ...params }, capabilities = CAPABILITIES }: OwnCall,
  key: string,
): ReturnType<typeof parseMessage> {
  const _meta = {
    ...traceOf(given),
    progressToken: key,
    [`${META}/protocolVersion`]: MODERN_REVISION,
    [`${META}/clientCapabilities`]: capabilities,
    [`${META}/clientInfo`]: CLIENT,
  };
  const text = `{"jsonrpc":"2.0","id":${RAW_ID},"method":${JSON.stringify(method)},"params":${JSON.stringify({ ...params, _meta })}}`;
  try {
    return parseMessage(Buffer.from(text), limits);
  } catch (error) {
    if (error instanceof BodyError) throw error.error;
    throw error;
  }
}

function traceOf(meta: unknown): Record<string, unknown> {
  if (typeof meta !== 'object' || meta === null) return {};
  const given = meta as Readonly<Record<string, unknown>>;
  return Object.fromEntries(TRACE_FIELDS.flatMap((name) => (name in given ? [[name, given[name]]] : [])));
}

interface ReaderOptions {
  readonly sealed: ModernRoute['sealed'];
  readonly resolve: (answer: OwnAnswer) => void;
  readonly reject: (reason: unknown) => void;
  readonly onNotification: OwnCall['onNotification'];
}

/** Takes everything at once, so that it never holds a server back. */
class OwnReader implements StreamReader {
  readonly #options: ReaderOptions;
  #over = false;
  attachment: Attachment | undefined;
  onOver = (): void => {};

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  accepted(): void {}

  refused(error: BerthError): void {
    this.#end(() => this.#options.reject(error));
  }

  event(event: StreamEvent): void {
    // The attachment may still be on its way when the first event comes.
    queueMicrotask(() => this.attachment?.credit(event.bytes, event.seq));
    if (this.#over) return;
    try {
      const message = parseExact(textOf(this.#options.sealed(event))) as Message;
      if (event.kind === 'answer') this.#end(() => this.#options.resolve(message as OwnAnswer));
      else if (message.method !== undefined)
        this.#options.onNotification?.(message.method, message.params ?? {});
    } catch (error) {
      this.leave(error);
    }
  }

  end(reason: ReaderEnd): void {
    const error =
      reason === 'lost' || reason === 'ended'
        ? unanswered(reason)
        : new BerthError('busy', 'the call was ended without an answer');
    this.#end(() => this.#options.reject(error));
  }

  /** Whoever wanted the answer wants it no more. */
  leave(reason: unknown): void {
    this.#end(() => this.#options.reject(reason));
    this.attachment?.detach();
  }

  #end(settle: () => void): void {
    if (this.#over) return;
    this.#over = true;
    this.onOver();
    settle();
  }
}

interface Message {
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

function textOf({ parts }: StreamEvent): string {
  return parts.length === 1 ? (parts[0] as Buffer).toString('utf8') : Buffer.concat(parts).toString('utf8');
}
