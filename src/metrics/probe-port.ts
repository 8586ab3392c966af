/** What platforms and Prometheus ask for without a key, and a port of its own for it, apart from the clients. */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { BerthError } from '../errors.ts';
import type { Metrics } from './metrics.ts';

export interface Probes {
  /** Whether clients should be sent here. */
  readonly ready: () => boolean;
  readonly metrics?: Metrics;
}

export interface ProbePortOptions extends Probes {
  /** Further paths, each guarded by itself. */
  readonly others?: Readonly<Record<string, RequestListener>>;
  readonly port: number;
  /** All addresses unless given. */
  readonly host?: string;
}

export interface ProbePort {
  readonly port: number;
  close(): Promise<void>;
}

/** Paths that {@link answerProbe} knows. */
export const PROBE_PATHS = ['/livez', '/readyz', '/health'] as const;

/** Serves the probes and `/metrics`. Rejects with `bad-setting` when the port cannot be had. */
export async function openProbePort(options: ProbePortOptions): Promise<ProbePort> {
  const { port, host, ready, metrics, others } = options;
  const server = createServer((request, response) => {
    if (answerProbe(ready, request, response)) return;
    const path = pathOf(request);
    const other = path !== undefined && others && Object.hasOwn(others, path) ? others[path] : undefined;
    if (other) other(request, response);
    else if (metrics && path === '/metrics') answerMetrics(metrics, request, response);
    else answer(response, 404, 'not found');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new BerthError('bad-setting', `cannot listen on ${host ?? 'port'}:${port}: ${cause.message}`, {
          cause,
        }),
      ),
    );
    server.listen(port, host, resolve);
  });
  // A connection that could not be accepted is that prober's loss.
  server.on('error', () => {});
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Answers `/livez`, `/readyz` and `/health`, which says the same as JSON; false for any other path. */
export function answerProbe(
  ready: () => boolean,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  switch (pathOf(request)) {
    case '/livez':
      answer(response, 200, 'ok');
      return true;
    case '/readyz':
      if (ready()) answer(response, 200, 'ok');
      else answer(response, 503, 'not ready');
      return true;
    case '/health': {
      const ok = ready();
      const body = JSON.stringify({ status: ok ? 'ok' : 'unavailable' });
      answer(response, ok ? 200 : 503, body, 'application/json');
      return true;
    }
    default:
      return false;
  }
}

/** In the format that the scraper prefers. */
export function answerMetrics(metrics: Metrics, request: IncomingMessage, response: ServerResponse): void {
  const { contentType, body } = metrics.expose(request.headers.accept);
  response.writeHead(200, {
    'Content-Type': contentType,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
  });
  response.end(body);
}

function pathOf({ url }: IncomingMessage): string | undefined {
  return url?.split('?', 1)[0];
}

function answer(response: ServerResponse, status: number, text: string, type = 'text/plain'): void {
  response.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store' }).end(`${text}\n`);
}
