/** The control plane as a `node:http` listener: the guard first, then the app; probes pass without either. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { Guard } from '../auth/guard.ts';
import { errorHeaders } from '../auth/guard.ts';
import type { Principal } from '../auth/principal.ts';
import { toBerthError } from '../errors.ts';
import { toProblem } from './problem.ts';

export interface ControlOptions {
  /** Gets with each request who made it. */
  readonly app: {
    fetch(request: Request, caller: { readonly principal: Principal }): Response | Promise<Response>;
  };
  readonly guard: Guard;
  /** False until the gateway serves, and again while it stops: what `/readyz` answers. */
  readonly ready: () => boolean;
}

/** Builds the listener for every path that is not the data plane's. */
export function createControlListener({ app, guard, ready }: ControlOptions): RequestListener {
  const callers = new WeakMap<object, Principal>();
  const listener = getRequestListener(
    (request, { incoming }) => {
      const principal = callers.get(incoming);
      if (!principal) throw new Error('a request has come past the guard');
      return app.fetch(request, { principal });
    },
    { overrideGlobalObjects: false },
  );
  return (request, response) => {
    if (request.url === '/livez') return probe(response, true);
    if (request.url === '/readyz') return probe(response, ready());
    try {
      callers.set(request, guard.check(request));
    } catch (thrown) {
      return refuse(request, response, thrown);
    }
    void listener(request, response);
  };
}

function probe(response: ServerResponse, ok: boolean): void {
  response.writeHead(ok ? 200 : 503, { 'Content-Type': 'text/plain', 'Cache-Control': 'no-store' });
  response.end(ok ? 'ok\n' : 'not ready\n');
}

function refuse(request: IncomingMessage, response: ServerResponse, thrown: unknown): void {
  const error = toBerthError(thrown);
  const body = JSON.stringify(toProblem(error, randomUUID()));
  // What the client still sends is read and dropped, so that it sees the answer.
  request.resume();
  response.writeHead(error.status, { ...errorHeaders(error), 'Content-Type': 'application/problem+json' });
  response.end(body);
}
