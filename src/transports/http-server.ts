/** The gateway's one HTTP server: the data plane first, everything else to the control plane. */
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type RequestListener,
  type Server,
  type ServerOptions,
  ServerResponse,
} from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type Clock, systemClock } from '../clock.ts';
import { BerthError } from '../errors.ts';
import { requestIdOf, traceIdOf } from '../log/ids.ts';
import { type DataPlaneServer, refuseUpgrade } from './data-plane.ts';
import { Departure } from './departure.ts';
import { createEndpointNames } from './endpoint-names.ts';
import { REQUEST_ID } from './rpc-error.ts';
import { Traffic, type Visit } from './traffic.ts';

/** Milliseconds; see the threat of slow clients (T-43). Streams are exempt once their head is sent. */
const HEADERS_TIMEOUT = 10_000;
const REQUEST_TIMEOUT = 30_000;
const CHECK_EVERY = 5_000;
/** Longer than the usual 60 s of load balancers, so that it is never this side that closes a connection just as it is used. */
const KEEP_ALIVE_TIMEOUT = 65_000;

/**
 * Connections that wait to be accepted; the kernel may allow fewer. Beyond it the kernel drops them silently: their clients wait for
 * seconds, or lose a request that they have sent. Node's own 511 are fewer than a few hundred busy clients open at once.
 */
const BACKLOG = 4_096;

/** Of requests that a gateway which goes away does not wait for: some of their answers never end. */
const READING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** What is recorded of a request whose client left before it had an answer. */
const CLIENT_GONE = 499;

/** A request that is over, in words that may stand in a log. */
export interface RequestReport {
  readonly requestId?: string;
  /** Of the trace that the client says it belongs to. */
  readonly traceId?: string;
  readonly method: string;
  /** The pattern of its path. */
  readonly endpoint: string;
  readonly server?: string;
  readonly status: number;
  readonly ms: number;
}

export interface HttpServerOptions {
  readonly dataPlane: DataPlaneServer;
  /** Everything that is not the data plane's. */
  readonly control: RequestListener;
  /** Called first; true means that the request is answered (CORS preflight). */
  readonly before?: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** Header fields of one request. */
  readonly headers: number;
  /** Connections at one time. */
  readonly connections: number;
  /** Counts the requests. */
  readonly traffic?: Traffic;
  /** Paths of the control plane that are counted by name; parts in braces are anything. */
  readonly endpoints?: readonly string[];
  readonly clock?: Clock;
  /** Served over HTTPS with it; without one over HTTP. */
  readonly certificate?: FrontCertificate | undefined;
  /** Told of every request that is over. */
  readonly onRequest?: ((report: RequestReport) => void) | undefined;
}

/** Both PEM. */
export interface FrontCertificate {
  readonly cert: string;
  readonly key: string;
}

export interface HttpFront {
  readonly server: Server | TlsServer;
  /** New connections are shown this certificate; those that are open go on. */
  renew(certificate: FrontCertificate): void;
  listen(port: number, host: string): Promise<{ readonly port: number; readonly address: string }>;
  /**
   * Ends each connection with its next answer, and what would stay open one stream after the other; stops listening after five
   * seconds, or one without any client. Resolves when nothing is in flight any more, after `ms` at the latest.
   */
  drain(ms: number): Promise<void>;
  /** Stops listening and ends open connections; resolves when all are gone. Idempotent. */
  close(): Promise<void>;
}

export function createHttpFront(options: HttpServerOptions): HttpFront {
  const { dataPlane, control, before } = options;
  const { traffic = new Traffic(), clock = systemClock, onRequest } = options;
  const endpointOf = createEndpointNames(options.endpoints ?? []);
  // Only a number: a Set of responses that come and go leaves outgrown tables behind, and one that V8 has taken for long-lived keeps
  // every response of all later ones until the next full collection.
  let inFlight = 0;
  const server = createFor(
    options.certificate,
    {
      headersTimeout: HEADERS_TIMEOUT,
      requestTimeout: REQUEST_TIMEOUT,
      connectionsCheckingInterval: CHECK_EVERY,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT,
      noDelay: true,
      ServerResponse: answersOf(() => departure.begun),
      // The guard answers a missing Host with 421 and a body that says why.
      requireHostHeader: false,
      // Any other protocol that is offered is declined by not taking it: Java's client offers h2c with every request.
      shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
    },
    (request, response) => {
      const visit = traffic.begin(endpointOf(request.url ?? ''), request.method ?? '', clock.now());
      const counts = !READING.has(request.method ?? '');
      if (counts) inFlight++;
      departure.used();
      response.once('close', () => {
        if (counts) inFlight--;
        departure.used();
        const status = response.headersSent ? response.statusCode : CLIENT_GONE;
        const now = clock.now();
        visit.over(status, now);
        onRequest?.(reportOf(visit, { request, status, now, requestId: response.getHeader(REQUEST_ID) }));
      });
      const given = request.headers['x-request-id'];
      if (given !== undefined) response.setHeader(REQUEST_ID, requestIdOf(given));
      if (before?.(request, response) === true) return;
      if (dataPlane.handle(request, response, visit)) return;
      if (given === undefined) response.setHeader(REQUEST_ID, requestIdOf(undefined));
      control(request, response);
    },
  );
  const departure: Departure = new Departure({ server, clock, dataPlane, inFlight: () => inFlight });
  server.on('connection', () => departure.used());
  server.maxHeadersCount = options.headers;
  server.maxConnections = options.connections;
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    const visit = traffic.begin(endpointOf(request.url ?? ''), request.method ?? '', clock.now());
    socket.once('close', () => {
      departure.used();
      const now = clock.now();
      visit.over(visit.status, now);
      onRequest?.(reportOf(visit, { request, status: visit.status, now, requestId: undefined }));
    });
    if (dataPlane.upgrade(request, socket, head, visit)) return;
    const error = new BerthError('not-found', 'no such path');
    visit.status = error.status;
    refuseUpgrade(socket, error);
  });
  // A connection that could not be accepted is that client's loss; an error that nobody listens for would end the program.
  server.on('error', () => {});
  let closing: Promise<void> | undefined;
  return {
    server,
    renew: (certificate) => {
      if ('setSecureContext' in server) server.setSecureContext({ ...certificate, ...TLS });
    },
    listen: (port, host) => listen(server, port, host),
    drain: (ms) => departure.begin(ms),
    close: () => {
      closing ??= close(server, dataPlane);
      return closing;
    },
  };
}

/** Answers that end their connections once the gateway leaves, however long ago they were asked for. */
function answersOf(isLeaving: () => boolean): typeof ServerResponse {
  return class<Request extends IncomingMessage = IncomingMessage> extends ServerResponse<Request> {
    override writeHead(status: number, reason?: unknown, fields?: unknown): this {
      if (isLeaving()) this.shouldKeepAlive = false;
      return super.writeHead(status, reason as string, fields as OutgoingHttpHeaders);
    }
  };
}

const TLS = { minVersion: 'TLSv1.2' } as const;

function createFor(
  certificate: FrontCertificate | undefined,
  options: ServerOptions,
  listener: RequestListener,
): Server | TlsServer {
  if (!certificate) return createServer(options, listener);
  const tls = { ...certificate, ...TLS, handshakeTimeout: HEADERS_TIMEOUT, ALPNProtocols: ['http/1.1'] };
  return createTlsServer({ ...options, ...tls }, listener);
}

interface Over {
  readonly request: IncomingMessage;
  readonly status: number;
  readonly now: number;
  readonly requestId: unknown;
}

function reportOf({ endpoint, method, server, startedAt }: Visit, over: Over): RequestReport {
  const { request, status, now, requestId } = over;
  const traceId = traceIdOf(request.headers.traceparent);
  return {
    ...(typeof requestId === 'string' && { requestId }),
    ...(traceId !== undefined && { traceId }),
    method,
    endpoint,
    ...(server !== undefined && { server }),
    status,
    ms: Math.round(now - startedAt),
  };
}

function listen(
  server: Server | TlsServer,
  port: number,
  host: string,
): Promise<{ port: number; address: string }> {
  return new Promise((resolve, reject) => {
    const failed = (cause: NodeJS.ErrnoException): void => {
      const why =
        cause.code === 'EADDRINUSE'
          ? `the port ${port} is in use`
          : `cannot listen on ${host}:${port}: ${cause.code ?? cause.message}`;
      reject(
        new BerthError('bad-setting', why, {
          cause,
          hint: 'Choose another port (BERTH_PORT or --port), or end the program that uses it.',
        }),
      );
    };
    server.once('error', failed);
    server.listen({ port, host, backlog: BACKLOG }, () => {
      server.off('error', failed);
      const { port: actual, address } = server.address() as AddressInfo;
      resolve({ port: actual, address });
    });
  });
}

function close(server: Server | TlsServer, dataPlane: DataPlaneServer): Promise<void> {
  return new Promise((resolve) => {
    dataPlane.close();
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
