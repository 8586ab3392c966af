/**
 * Routes that say what they take and what they answer. The same schemas check a request and make the OpenAPI document, so that the two
 * cannot part.
 */
import type { OpenAPIHono, RouteConfig } from '@hono/zod-openapi';
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { BerthError, ERROR_TABLE, type ErrorCode } from '../errors.ts';
import { toInputError } from '../servers/server-spec.ts';
import { IDEMPOTENCY_KEY } from './idempotency.ts';
import { readQuery } from './query.ts';
import { type ApiVariables, bodyText, readJson } from './request-checks.ts';

export type Api = OpenAPIHono<ApiVariables>;

/** What a route may answer with, beside problems. */
export interface Answer {
  readonly description: string;
  /** Of the JSON body; absent where there is none. */
  readonly schema?: z.ZodType;
  /** Further media types: the component that each line or event of such a stream is. */
  readonly streams?: Readonly<Partial<Record<StreamType, string>>>;
  /** Header to what it says. */
  readonly headers?: Readonly<Record<string, string>>;
}

export type StreamType = 'application/x-ndjson' | 'text/event-stream';

/** How the body of a request is read. */
export interface Body<T> {
  readonly schema: z.ZodType;
  /** Throws `bad-input`. */
  readonly read: (value: unknown) => T;
  /** Numbers keep every digit that was sent. */
  readonly exact?: boolean;
}

export interface Route<Q extends z.ZodRawShape, T> {
  /** `operationId` of the document. */
  readonly id: string;
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** As in OpenAPI: `/api/v1/servers/{name}`. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly params?: Readonly<Record<string, PathParameter>>;
  readonly query?: Q;
  /** Request headers that it heeds: name to what they do. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Body<T>;
  readonly answers: Readonly<Record<number, Answer>>;
  /** Failures beyond those that every route can have; `own` where they are among {@link answers}. */
  readonly problems?: readonly ErrorCode[] | 'own';
}

/** What of a route does not depend on what it takes. */
type AnyRoute = Pick<
  Route<z.ZodRawShape, unknown>,
  'method' | 'path' | 'params' | 'headers' | 'body' | 'answers' | 'problems'
>;

export interface PathParameter {
  readonly description: string;
  /** Expression of what it is, where that is not one segment. */
  readonly pattern?: string;
}

/** A request, checked. */
export interface Call<Q extends z.ZodRawShape, T> {
  readonly context: Context<ApiVariables>;
  readonly query: z.output<z.ZodObject<Q>>;
  readonly body: T;
  /** A parameter of the path. */
  param(name: string): string;
}

/** A body that is just what its schema makes of it. `thing`: what is described, for messages. */
export function bodyOf<T>(schema: z.ZodType<T>, thing?: string): Body<T> {
  return {
    schema,
    read: (value) => {
      const result = schema.safeParse(value);
      if (!result.success) throw toInputError(result.error, thing);
      return result.data;
    },
  };
}

/** Serves a route and puts it into the document. */
export function addRoute<Q extends z.ZodRawShape = Record<never, never>, T = undefined>(
  api: Api,
  route: Route<Q, T>,
  answer: (call: Call<Q, T>) => Response | Promise<Response>,
): void {
  api.openAPIRegistry.registerPath(describeRoute(route));
  const querySchema = z.object(route.query ?? ({} as Q));
  api.on(route.method.toUpperCase(), toPattern(route), async (context) => {
    const query = readQuery(context.req, querySchema);
    const { body } = route;
    if (!body && route.method !== 'get') await checkNoBody(context, route.query);
    const given = body ? body.read(await readJson(context, body)) : (undefined as T);
    return await answer({
      context,
      query,
      body: given,
      param: (name) => context.req.param(name) ?? '',
    });
  });
}

/** What is said in a body that nobody reads would be lost without a word. An empty object says nothing. Throws `bad-input`. */
async function checkNoBody(context: Context<ApiVariables>, query: z.ZodRawShape = {}): Promise<void> {
  if (/^\s*(\{\s*\}\s*)?$/.test(await bodyText(context))) return;
  const names = Object.keys(query).map((name) => `?${name}=…`);
  throw new BerthError('bad-input', 'this request takes no body', {
    hint: names.length > 0 ? `Say it in the query: ${names.join(', ')}.` : 'Send it without a body.',
  });
}

function toPattern({ path, params }: AnyRoute): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const pattern = params?.[name]?.pattern;
    return pattern === undefined ? `:${name}` : `:${name}{${pattern}}`;
  });
}

/** What any request may be refused with. */
const ALWAYS = ['bad-input', 'unauthorized', 'forbidden', 'wrong-host', 'internal'] as const;

function describeRoute<Q extends z.ZodRawShape, T>(route: Route<Q, T>): RouteConfig {
  const { method, path, tag, summary, description, query, body } = route;
  const params = paramsOf(route);
  return {
    method,
    path,
    operationId: route.id,
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    request: {
      ...(params && { params }),
      ...(query && { query: z.object(query) }),
      headers: headersOf(route),
      ...(body && { body: { required: true, content: { 'application/json': { schema: body.schema } } } }),
    },
    responses: { ...answersOf(route), ...problemsOf(route) },
  };
}

function paramsOf({ path, params = {} }: AnyRoute) {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  if (names.length === 0) return undefined;
  return z.object(
    Object.fromEntries(
      names.map((name) => [name, z.string().openapi({ description: params[name]?.description ?? '' })]),
    ),
  );
}

function headersOf({ method, body, headers = {} }: AnyRoute) {
  const all: Record<string, string> = {
    'X-Request-ID': 'Names the request in the answer and in the log; one is made up without it.',
    ...(method !== 'get' &&
      body === undefined && {
        'X-Berth-Request': 'Any value: shows that the request, which has no body, is no form of a web page.',
      }),
    ...(method === 'post' && {
      [IDEMPOTENCY_KEY]: 'Makes it safe to send the request again: the same key gets the first answer.',
    }),
    ...headers,
  };
  return z.object(
    Object.fromEntries(
      Object.entries(all).map(([name, description]) => {
        const schema = z.string().openapi({ description });
        return [name, name === 'X-Berth-Request' ? schema : schema.optional()];
      }),
    ),
  );
}

function answersOf({ answers }: AnyRoute): RouteConfig['responses'] {
  return Object.fromEntries(
    Object.entries(answers).map(([status, { description, schema, streams = {}, headers = {} }]) => {
      const content = {
        ...(schema && { 'application/json': { schema } }),
        ...Object.fromEntries(
          Object.entries(streams).map(([type, item]) => [
            type,
            // The dialect has no word for what a stream is made of.
            { schema: { type: 'string' as const }, 'x-item-schema': refTo(item) },
          ]),
        ),
      };
      return [
        status,
        {
          description,
          headers: toHeaders(headers),
          ...(Object.keys(content).length > 0 && { content }),
        },
      ];
    }),
  );
}

/** The statuses of what can go wrong, each with the codes that a program can tell apart. */
function problemsOf({ method, path, problems = [] }: AnyRoute): RouteConfig['responses'] {
  if (problems === 'own') return {};
  const codes = new Set<ErrorCode>([
    ...ALWAYS,
    ...(method === 'get' ? [] : (['unsupported-media-type', 'parse-error', 'too-large'] as const)),
    ...(method === 'post' ? (['conflict', 'in-progress', 'key-reused'] as const) : []),
    ...(path.includes('{') ? ['not-found' as const] : []),
    ...problems,
  ]);
  const byStatus = Map.groupBy(codes, (code) => ERROR_TABLE[code].status);
  return Object.fromEntries([...byStatus].map(([status, some]) => [status, toProblemAnswer(status, some)]));
}

function toProblemAnswer(status: number, codes: readonly ErrorCode[]): RouteConfig['responses'][string] {
  const schema = {
    allOf: [
      refTo('Problem'),
      {
        type: 'object' as const,
        properties: {
          status: { type: 'integer' as const, enum: [status] },
          code: { type: 'string' as const, enum: [...codes] },
        },
      },
    ],
  };
  return {
    description: codes.map((code) => `\`${code}\`: ${ERROR_TABLE[code].hint}`).join('\n\n'),
    headers: toHeaders({}),
    content: { 'application/problem+json': { schema } },
  };
}

function refTo(component: string): { readonly $ref: string } {
  return { $ref: `#/components/schemas/${component}` };
}

function toHeaders(headers: Readonly<Record<string, string>>) {
  const all = { 'X-Request-ID': 'The name of the request.', ...headers };
  return Object.fromEntries(
    Object.entries(all).map(([name, description]) => [
      name,
      { description, schema: { type: 'string' as const } },
    ]),
  );
}
