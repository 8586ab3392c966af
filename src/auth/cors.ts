/** Lets the pages of allowed origins read answers. Credentials of the browser (cookies) are never part of it. */
import type { IncomingHttpHeaders } from 'node:http';

export interface CorsSettings {
  readonly cors: boolean;
  readonly allowedOrigins: readonly string[];
}

export type HeaderFields = Readonly<Record<string, string>>;

export interface Cors {
  /** Fields to add to every response, errors included; undefined for other origins. */
  headersFor(origin: string | undefined): HeaderFields | undefined;
  /** All fields of the empty 204 that answers a preflight request, or undefined when the request is none of an allowed origin. */
  preflight(request: {
    readonly method?: string | undefined;
    readonly headers: IncomingHttpHeaders;
  }): HeaderFields | undefined;
}

const METHODS = 'GET, POST, PUT, DELETE';
const REQUEST_HEADERS =
  'Accept, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Mcp-Method, Mcp-Name, MCP-Protocol-Version, Mcp-Session-Id, X-Berth-Request, X-Request-ID';
const RESPONSE_HEADERS =
  'ETag, Idempotency-Replayed, Location, MCP-Protocol-Version, Mcp-Session-Id, Retry-After, WWW-Authenticate, X-Request-ID';
const MAX_AGE_SECONDS = 600;
/** Headers of a tool's parameters: their names are the tool's, and a wildcard does not count beside credentials. */
const PARAMETER_HEADER = /^mcp-param-[\w!#$%&'*+.^`|~-]+$/i;
/** Characters of a preflight's list that are looked at, and names of it that are allowed. */
const MOST_LISTED = 4_096;
const MOST_PARAMETERS = 64;

/** Header sets per allowed origin, made once. */
export function createCors({ cors, allowedOrigins }: CorsSettings): Cors {
  const answers = new Map<string, HeaderFields>();
  const preflights = new Map<string, HeaderFields>();
  for (const origin of cors ? allowedOrigins : []) {
    const shared = { 'access-control-allow-origin': origin, vary: 'Origin' };
    answers.set(origin, Object.freeze({ ...shared, 'access-control-expose-headers': RESPONSE_HEADERS }));
    preflights.set(
      origin,
      Object.freeze({
        ...shared,
        'access-control-allow-methods': METHODS,
        'access-control-allow-headers': REQUEST_HEADERS,
        'access-control-max-age': `${MAX_AGE_SECONDS}`,
      }),
    );
  }
  return {
    headersFor: (origin) => (origin === undefined ? undefined : answers.get(origin)),
    preflight({ method, headers }) {
      const { origin, 'access-control-request-method': requested } = headers;
      if (method !== 'OPTIONS' || origin === undefined || requested === undefined) return undefined;
      const fields = preflights.get(origin);
      return fields && withParameters(fields, headers['access-control-request-headers'] ?? '');
    },
  };
}

/** Allows the parameters' headers that the page asks for, too. */
function withParameters(fields: HeaderFields, listed: string): HeaderFields {
  const names = listed
    .slice(0, MOST_LISTED)
    .split(',')
    .map((name) => name.trim())
    .filter((name) => PARAMETER_HEADER.test(name))
    .slice(0, MOST_PARAMETERS);
  if (names.length === 0) return fields;
  return {
    ...fields,
    'access-control-allow-headers': [REQUEST_HEADERS, ...names].join(', '),
    vary: 'Origin, Access-Control-Request-Headers',
  };
}
