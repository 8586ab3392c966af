/** The control plane as a `node:http` listener: the guard first, then the app; probes pass without either. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { Guard } from '../auth/guard.ts';
import { errorHeaders } from '../auth/guard.ts';
import type { Principal } from '../auth/principal.ts';
import { toBerthError } from '../errors.ts';
import { requestIdOf } from '../log/ids.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { answerMetrics, answerProbe } from '../metrics/probe-port.ts';
import { BodyBudget } from '../transports/body-budget.ts';
import { type BodyBounds, readBody } from '../transports/client-body.ts';
import { toProblem } from './problem.ts';
import { OPEN_CORS, REGISTRY } from './registry-routes.ts';
import { type ApiBindings, REQUEST_ID_HEADER } from './request-checks.ts';

export interface ControlOptions {
  /** Gets with each request who made it, and the response whose id it has. */
  readonly app: {
    fetch(request: Request, bindings: ApiBindings): Response | Promise<Response>;
  };
  /** The control endpoint, at `/mcp`. */
  readonly mcp?: { fetch(request: Request, caller: Principal): Promise<Response> };
  /** Groups of servers, at `/groups/{name}/mcp`. */
  readonly groups?: { fetch(request: Request, caller: Principal): Promise<Response> };
  readonly guard: Guard;
  /** Of bodies at both of them; the API has bounds of its own. */
  readonly bounds?: BodyBounds;
  /** False until the gateway serves, and again while it stops: what `/readyz` answers. */
  readonly ready: () => boolean;
  /** Served at `/metrics` to those whom the guard lets in. */
  readonly metrics?: Metrics;
}

const MCP_PATH = '/mcp';
const GROUPS = '/groups/';
const MIB = 1024 * 1024;

/** As the settings have them by default. */
function defaultBounds(): BodyBounds {
  return { limits: { messageBytes: 4 * MIB }, bodies: new BodyBudget(256 * MIB) };
}

/** Builds the listener for every path that is not the data plane's. */
export function createControlListener(options: ControlOptions): RequestListener {
  const { app, mcp, groups, guard, ready, metrics, bounds = defaultBounds() } = options;
  const callers = new WeakMap<object, Principal>();
  const bodies = new WeakMap<object, Buffer>();
  const endpointAt = (path: string): typeof mcp => {
    if (path === MCP_PATH) return mcp;
    return path.startsWith(GROUPS) ? groups : undefined;
  };
  const listener = getRequestListener(
    (request, { incoming, outgoing }) => {
      const principal = callers.get(incoming);
      if (!principal) throw new Error('a request has come past the guard');
      const endpoint = endpointAt(pathOf(incoming.url));
      if (!endpoint) return app.fetch(request, { principal, outgoing });
      return endpoint.fetch(withBody(request, bodies.get(incoming)), principal);
    },
    { overrideGlobalObjects: false },
  );
  return (request, response) => {
    if (answerProbe(ready, request, response)) return;
    try {
      const caller = isRegistry(request) ? checkRegistry(request, guard) : guard.check(request);
      if (!caller) return preflight(response);
      callers.set(request, caller);
      // A log may be followed for days: not without the key that let its reader in.
      if (request.headers.authorization !== undefined)
        response.once(
          'close',
          guard.hold(request, () => response.destroy()),
        );
    } catch (thrown) {
      return refuse(request, response, thrown);
    }
    if (metrics && request.url === '/metrics') return answerMetrics(metrics, request, response);
    if (request.method !== 'POST' || !endpointAt(pathOf(request.url)))
      return void listener(request, response);
    // The endpoints read a body whole, whatever its size.
    readBody(request, bounds, (error, body) => {
      if (error) return refuse(request, response, error);
      bodies.set(request, body);
      void listener(request, response);
    });
  };
}

/** The same request, of which the body was read already. */
function withBody(request: Request, body: Buffer | undefined): Request {
  if (!body) return request;
  const { url, method, headers, signal } = request;
  return new Request(url, { method, headers, signal, body: Uint8Array.from(body) });
}

function pathOf(url = ''): string {
  const queryAt = url.indexOf('?');
  return queryAt < 0 ? url : url.slice(0, queryAt);
}

/** A segment that leads out of the folder once the path is made plain. */
const DOTS = /\/(?:\.|%2e){1,2}(?:[/?#]|$)/i;

function isRegistry({ url = '' }: IncomingMessage): boolean {
  return url.startsWith(`${REGISTRY}/`) && !DOTS.test(url);
}

/**
 * Who calls the registry; undefined for a preflight, which never carries a key. Pages of any origin may read there and nothing else.
 * Host and key are checked as everywhere.
 */
function checkRegistry(request: IncomingMessage, guard: Guard): Principal | undefined {
  guard.checkHost(request);
  if (request.method === 'OPTIONS') return undefined;
  if (request.method !== 'GET' && request.method !== 'HEAD') guard.checkOrigin(request);
  return guard.principalOf(request);
}

function preflight(response: ServerResponse): void {
  response.writeHead(204, { ...OPEN_CORS, 'Access-Control-Max-Age': '600' }).end();
}

function refuse(request: IncomingMessage, response: ServerResponse, thrown: unknown): void {
  const error = toBerthError(thrown);
  const requestId = String(
    response.getHeader(REQUEST_ID_HEADER) ?? requestIdOf(request.headers['x-request-id']),
  );
  const registry = isRegistry(request);
  const body = JSON.stringify(registry ? { error: error.message } : toProblem(error, requestId));
  // What the client still sends is read and dropped, so that it sees the answer.
  request.resume();
  response.writeHead(error.status, {
    ...errorHeaders(error),
    ...(registry && OPEN_CORS),
    'Content-Type': registry ? 'application/json' : 'application/problem+json',
    [REQUEST_ID_HEADER]: requestId,
  });
  response.end(body);
}
