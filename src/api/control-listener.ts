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
import { toProblem } from './problem.ts';
import { type ApiBindings, REQUEST_ID_HEADER } from './request-checks.ts';

export interface ControlOptions {
  /** Gets with each request who made it, and the response whose id it has. */
  readonly app: {
    fetch(request: Request, bindings: ApiBindings): Response | Promise<Response>;
  };
  /** The control endpoint, at `/mcp`. */
  readonly mcp?: { fetch(request: Request, caller: Principal): Promise<Response> };
  readonly guard: Guard;
  /** False until the gateway serves, and again while it stops: what `/readyz` answers. */
  readonly ready: () => boolean;
  /** Served at `/metrics` to those whom the guard lets in. */
  readonly metrics?: Metrics;
}

const MCP_PATH = '/mcp';

/** Builds the listener for every path that is not the data plane's. */
export function createControlListener({ app, mcp, guard, ready, metrics }: ControlOptions): RequestListener {
  const callers = new WeakMap<object, Principal>();
  const listener = getRequestListener(
    (request, { incoming, outgoing }) => {
      const principal = callers.get(incoming);
      if (!principal) throw new Error('a request has come past the guard');
      return mcp && pathOf(incoming.url) === MCP_PATH
        ? mcp.fetch(request, principal)
        : app.fetch(request, { principal, outgoing });
    },
    { overrideGlobalObjects: false },
  );
  return (request, response) => {
    if (answerProbe(ready, request, response)) return;
    try {
      callers.set(request, guard.check(request));
    } catch (thrown) {
      return refuse(request, response, thrown);
    }
    if (metrics && request.url === '/metrics') return answerMetrics(metrics, request, response);
    void listener(request, response);
  };
}

function pathOf(url = ''): string {
  const queryAt = url.indexOf('?');
  return queryAt < 0 ? url : url.slice(0, queryAt);
}

function refuse(request: IncomingMessage, response: ServerResponse, thrown: unknown): void {
  const error = toBerthError(thrown);
  const requestId = String(
    response.getHeader(REQUEST_ID_HEADER) ?? requestIdOf(request.headers['x-request-id']),
  );
  const body = JSON.stringify(toProblem(error, requestId));
  // What the client still sends is read and dropped, so that it sees the answer.
  request.resume();
  response.writeHead(error.status, {
    ...errorHeaders(error),
    'Content-Type': 'application/problem+json',
    [REQUEST_ID_HEADER]: requestId,
  });
  response.end(body);
}
