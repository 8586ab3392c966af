/** `/api/v1/servers/{name}/tools`, `/call` and their like: what a server offers, and calls of it. */

import type { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { toBerthError } from '../errors.ts';
import {
  type CallContext,
  type CallOutcome,
  OFFERS,
  type Offer,
  type ServerCalls,
  type ServerRequest,
} from '../servers/server-calls.ts';
import { ndjsonResponse } from './ndjson.ts';
import { SERVER_PARAMS as params } from './path-parameters.ts';
import { toProblem } from './problem.ts';
import { type ApiVariables, callerOf, signalOf } from './request-checks.ts';
import { type Api, addRoute, type Body, bodyOf } from './route.ts';
import {
  offerSchema,
  outcomeSchema,
  promptCallSchema,
  readingSchema,
  toolCallSchema,
} from './schemas/calls.ts';
import { SERVERS, START_FAILURES } from './server-routes.ts';

const SERVER = `${SERVERS}/{name}`;
const LINES = 'application/x-ndjson';
const tag = 'calls';
const problems = [...START_FAILURES, 'call-refused', 'call-failed', 'message-too-large', 'resting'] as const;

export interface CallRoutesInput {
  readonly calls: ServerCalls;
  /** Ends calls when the gateway stops. */
  readonly signal: AbortSignal | undefined;
}

export function addCallRoutes(api: Api, input: CallRoutesInput): void {
  for (const offer of Object.keys(OFFERS) as Offer[]) addOffer(api, input, offer);
  addCall(api, input, {
    id: 'callTool',
    path: 'call',
    summary: 'Call a tool',
    body: requestOf(toolCallSchema, ({ tool, arguments: given, ...more }) =>
      toRequest('tools/call', { name: tool, arguments: given }, more),
    ),
  });
  addCall(api, input, {
    id: 'getPrompt',
    path: 'prompt',
    summary: 'Fill in a prompt',
    body: requestOf(promptCallSchema, ({ prompt, arguments: given, ...more }) =>
      toRequest('prompts/get', { name: prompt, arguments: given }, more),
    ),
  });
  addCall(api, input, {
    id: 'readResource',
    path: 'read',
    summary: 'Read a resource',
    body: requestOf(readingSchema, ({ uri, ...more }) => toRequest('resources/read', { uri }, more)),
  });
}

function addOffer(api: Api, input: CallRoutesInput, offer: Offer): void {
  const { member } = OFFERS[offer];
  addRoute(
    api,
    {
      id: `list-${offer}`,
      method: 'get',
      path: `${SERVER}/${offer}`,
      params,
      tag,
      problems,
      summary: `The ${offer.replace('-', ' ')} of a server, as it describes them`,
      answers: { 200: { description: 'All of them, with the total.', schema: offerSchema(member) } },
    },
    async ({ context }) => {
      const entries = await input.calls.list(offer, callContext(context, input));
      return context.json({ [member]: entries, total: entries.length });
    },
  );
}

interface CallRoute {
  readonly id: string;
  readonly path: string;
  readonly summary: string;
  readonly body: Body<ServerRequest>;
}

function addCall(api: Api, input: CallRoutesInput, { id, path, summary, body }: CallRoute): void {
  addRoute(
    api,
    {
      id,
      method: 'post',
      path: `${SERVER}/${path}`,
      params,
      tag,
      summary,
      body,
      problems,
      headers: { Accept: `With \`${LINES}\` what happens meanwhile comes as well, as a stream.` },
      answers: {
        200: {
          description: 'What came of it, or what the server asks.',
          schema: outcomeSchema,
          streams: { [LINES]: 'CallLine' },
        },
      },
    },
    async ({ context, body: request }) => {
      const called = callContext(context, input);
      if (!context.req.header('Accept')?.includes(LINES))
        return context.json(await input.calls.call(request, called));
      return stream((more) => input.calls.call(request, { ...called, ...more }), {
        requestId: context.get('requestId'),
        signal: input.signal,
      });
    },
  );
}

function requestOf<T>(schema: z.ZodType<T>, toCall: (body: T) => ServerRequest): Body<ServerRequest> {
  const { read } = bodyOf(schema, 'a call');
  return { schema, read: (value) => toCall(read(value)), exact: true };
}

function callContext(
  context: Context<ApiVariables>,
  { signal }: CallRoutesInput,
): CallContext & { signal: AbortSignal } {
  const left = signalOf(context);
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
