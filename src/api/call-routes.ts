/** `/api/v1/servers/{name}/tools`, `/call` and their like: what a server offers, and calls of it. */
import type { Context, Hono } from 'hono';
import { z } from 'zod';
import { toBerthError } from '../errors.ts';
import {
  type CallContext,
  type CallOutcome,
  OFFERS,
  type Offer,
  type ServerCalls,
  type ServerRequest,
} from '../servers/server-calls.ts';
import { toInputError } from '../servers/server-spec.ts';
import { ndjsonResponse } from './ndjson.ts';
import { toProblem } from './problem.ts';
import { type ApiVariables, callerOf, readJson } from './request-checks.ts';

const SERVER = '/api/v1/servers/:name';
const LINES = 'application/x-ndjson';

const json = z.record(z.string(), z.unknown());
/** What a call goes on with after it asked for input. */
const answers = { inputResponses: json.optional(), requestState: z.string().optional() };
const toolSchema = z.strictObject({ tool: z.string(), arguments: json.default({}), ...answers });
const promptSchema = z.strictObject({
  prompt: z.string(),
  arguments: z.record(z.string(), z.string()).default({}),
  ...answers,
});
const readSchema = z.strictObject({ uri: z.string(), ...answers });

export interface CallRoutesInput {
  readonly calls: ServerCalls;
  /** Ends calls when the gateway stops. */
  readonly signal: AbortSignal | undefined;
}

export function addCallRoutes(api: Hono<ApiVariables>, input: CallRoutesInput): void {
  for (const offer of Object.keys(OFFERS) as Offer[]) {
    api.get(`${SERVER}/${offer}`, async (context) => {
      const entries = await input.calls.list(offer, callContext(context, input));
      return context.json({ [OFFERS[offer].member]: entries, total: entries.length });
    });
  }
  addCall(api, input, { path: 'call', parse: toToolCall });
  addCall(api, input, { path: 'prompt', parse: toPrompt });
  addCall(api, input, { path: 'read', parse: toReading });
}

function addCall(
  api: Hono<ApiVariables>,
  input: CallRoutesInput,
  { path, parse }: { readonly path: string; readonly parse: (body: unknown) => ServerRequest },
): void {
  api.post(`${SERVER}/${path}`, async (context) => {
    const request = parse(await readJson(context.req.raw));
    const called = callContext(context, input);
    if (!context.req.header('Accept')?.includes(LINES))
      return context.json(await input.calls.call(request, called));
    return stream((more) => input.calls.call(request, { ...called, ...more }), {
      requestId: context.get('requestId'),
      signal: input.signal,
    });
  });
}

function callContext(
  context: Context<ApiVariables>,
  { signal }: CallRoutesInput,
): CallContext & { signal: AbortSignal } {
  const left = context.req.raw.signal;
  return {
    server: context.req.param('name') ?? '',
    caller: callerOf(context),
    signal: signal ? AbortSignal.any([left, signal]) : left,
  };
}

/** Progress as it comes, then the answer or what went wrong; leaving the stream cancels the call. */
function stream(
  call: (more: Pick<CallContext, 'onNotification' | 'signal'>) => Promise<CallOutcome>,
  { requestId, signal }: { readonly requestId: string; readonly signal: AbortSignal | undefined },
): Response {
  return ndjsonResponse((feed) => {
    const leaving = new AbortController();
    call({
      onNotification: (method, params) => {
        const line = toLine(method, params);
        if (line) feed.send(line);
      },
      signal: leaving.signal,
    }).then(
      (outcome) => feed.end({ type: 'answer', ...outcome }),
      (error: unknown) => feed.end({ type: 'failed', problem: toProblem(toBerthError(error), requestId) }),
    );
    return () => leaving.abort();
  }, signal);
}

function toLine(method: string, params: Readonly<Record<string, unknown>>): object | undefined {
  const { progress, total, message, level, logger, data } = params;
  if (method === 'notifications/progress') return { type: 'progress', progress, total, message };
  if (method === 'notifications/message') return { type: 'log', level, logger, data };
  return undefined;
}

function toToolCall(body: unknown): ServerRequest {
  const { tool, arguments: given, ...more } = parsed(toolSchema, body);
  return toRequest('tools/call', { name: tool, arguments: given }, more);
}

function toPrompt(body: unknown): ServerRequest {
  const { prompt, arguments: given, ...more } = parsed(promptSchema, body);
  return toRequest('prompts/get', { name: prompt, arguments: given }, more);
}

function toReading(body: unknown): ServerRequest {
  const { uri, ...more } = parsed(readSchema, body);
  return toRequest('resources/read', { uri }, more);
}

interface Answers {
  readonly inputResponses?: Record<string, unknown> | undefined;
  readonly requestState?: string | undefined;
}

function toRequest(
  method: ServerRequest['method'],
  params: ServerRequest['params'],
  { inputResponses, requestState }: Answers,
): ServerRequest {
  return {
    method,
    params,
    ...(inputResponses !== undefined && { inputResponses }),
    ...(requestState !== undefined && { requestState }),
  };
}

function parsed<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body);
  if (!result.success) throw toInputError(result.error, 'a call');
  return result.data;
}
