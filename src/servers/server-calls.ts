/** What a management caller does with a server itself: list what it offers, and call it. */
import { BerthError, type ErrorCode } from '../errors.ts';

/** Who calls; see `auth/principal.ts`. */
export interface CallPrincipal {
  readonly id: string;
  readonly digest: string;
}

type Json = Readonly<Record<string, unknown>>;

export interface CallContext {
  /** Name of the server. */
  readonly server: string;
  readonly caller: CallPrincipal;
  /** What the caller's client can be asked; what callers of this gateway's API can, unless given. */
  readonly capabilities?: Json;
  /** Gets the notifications of the call. */
  readonly onNotification?: (method: string, params: Json) => void;
  /** Cancels the call. */
  readonly signal?: AbortSignal;
}

/** Asks a server in the words of revision 2026-07-28, whatever it speaks itself. */
export type AskServer = (
  call: CallContext & { readonly method: string; readonly params: Json },
) => Promise<
  | { readonly result: Json }
  | { readonly error: { readonly code: number; readonly message: string; readonly data?: unknown } }
>;

/** The request that is made, and what it answers when it goes on with one that asked for input. */
export interface ServerRequest {
  readonly method: 'tools/call' | 'prompts/get' | 'resources/read';
  readonly params: Json;
  readonly inputResponses?: Json;
  readonly requestState?: string;
}

export type CallOutcome =
  | { readonly status: 'complete'; readonly result: Json }
  | {
      readonly status: 'input_required';
      /** What the server asks, by its own keys: requests of MCP, above all `elicitation/create`. */
      readonly inputRequests: Json;
      /** To be sent back with the answers. */
      readonly requestState?: string;
    };

/** Lists that a server may offer: the method, and the member of its result. */
export const OFFERS = {
  tools: { method: 'tools/list', member: 'tools' },
  prompts: { method: 'prompts/list', member: 'prompts' },
  resources: { method: 'resources/list', member: 'resources' },
  'resource-templates': { method: 'resources/templates/list', member: 'resourceTemplates' },
} as const;
export type Offer = keyof typeof OFFERS;

/** Pages of one list that are read; a server that goes on is cut off. */
const MOST_PAGES = 100;
const NO_SUCH_METHOD = -32601;
/** JSON-RPC codes by which a server says that the request is at fault. */
const REFUSALS: ReadonlySet<number> = new Set([-32600, NO_SUCH_METHOD, -32602, -32002]);

export class ServerCalls {
  readonly #ask: AskServer;

  constructor(ask: AskServer) {
    this.#ask = ask;
  }

  /** All entries of a list; none where the server has no such thing. */
  async list(offer: Offer, context: CallContext): Promise<Json[]> {
    const { method, member } = OFFERS[offer];
    const all: Json[] = [];
    let cursor: unknown;
    for (let page = 0; page < MOST_PAGES; page++) {
      const params = typeof cursor === 'string' ? { cursor } : {};
      const answer = await this.#ask({ ...context, method, params });
      if ('error' in answer) {
        if (answer.error.code === NO_SUCH_METHOD && page === 0) return [];
        throw toCallError(context.server, answer.error);
      }
      const entries = answer.result[member];
      if (Array.isArray(entries)) all.push(...(entries as Json[]));
      cursor = answer.result.nextCursor;
      if (typeof cursor !== 'string') return all;
    }
    throw new BerthError('call-failed', `${context.server} does not come to the end of its ${offer}`);
  }

  /** Makes one request, or goes on with one. Throws `call-refused`, `call-failed`, and what keeps the server from being called. */
  async call(request: ServerRequest, context: CallContext): Promise<CallOutcome> {
    const { method, params, inputResponses, requestState } = request;
    const answer = await this.#ask({
      ...context,
      method,
      params: {
        ...params,
        ...(inputResponses !== undefined && { inputResponses }),
        ...(requestState !== undefined && { requestState }),
      },
    });
    if ('error' in answer) throw toCallError(context.server, answer.error);
    return toOutcome(answer.result);
  }
}

function toOutcome({ resultType, ...result }: Json): CallOutcome {
  if (resultType !== 'input_required') return { status: 'complete', result };
  const { inputRequests = {}, requestState } = result;
  return {
    status: 'input_required',
    inputRequests: inputRequests as Json,
    ...(typeof requestState === 'string' && { requestState }),
  };
}

interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** Failures that Berth itself puts into an answer; everything else is the server's own. */
const OWN_FAILURES: ReadonlySet<string> = new Set<ErrorCode>([
  'busy',
  'start-failed',
  'process-exited',
  'request-timeout',
  'message-too-large',
  'remote-failed',
  'stopped',
]);

function toCallError(server: string, { code, message, data }: RpcError): BerthError {
  const own = ownFailure(message, data);
  if (own) return own;
  const kind = REFUSALS.has(code) ? 'call-refused' : 'call-failed';
  return new BerthError(kind, `${server} answers: ${message}`, {
    data: { serverError: { code, message, ...(data !== undefined && { data }) } },
  });
}

function ownFailure(message: string, data: unknown): BerthError | undefined {
  if (typeof data !== 'object' || data === null || !('code' in data)) return undefined;
  const { code, hint, stderr, exitCode } = data as Json;
  if (typeof code !== 'string' || !OWN_FAILURES.has(code)) return undefined;
  return new BerthError(code as ErrorCode, message, {
    ...(typeof hint === 'string' && { hint }),
    ...(typeof exitCode === 'number' && { exitCode }),
    ...(isTexts(stderr) && { stderr }),
  });
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((line) => typeof line === 'string');
}
