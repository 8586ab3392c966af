/** A gateway's front, put together: guard, data plane, control plane behind one HTTP server. Used by every program that serves. */
import { randomBytes } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { type Cors, createCors } from './auth/cors.ts';
import { createGuard, type GuardSettings } from './auth/guard.ts';
import type { KeyStore } from './auth/keys.ts';
import { type Clock, systemClock } from './clock.ts';
import type { BerthError } from './errors.ts';
import { BodyBudget } from './transports/body-budget.ts';
import type { CallTracer } from './transports/call-tracer.ts';
import type { BridgePaths, Directory, Router, Sealer, TransportLimits } from './transports/context.ts';
import { createDataPlane } from './transports/data-plane.ts';
import { createHttpFront, type HttpFront, type HttpServerOptions } from './transports/http-server.ts';
import type { LongStreams } from './transports/long-streams.ts';
import { Traffic } from './transports/traffic.ts';

export interface GatewayOptions {
  readonly settings: GuardSettings & {
    readonly cors: boolean;
    readonly limits: TransportLimits & { readonly headers: number; readonly connections: number };
  };
  readonly keys: KeyStore;
  readonly sealer: Sealer;
  readonly directory: Directory;
  readonly router: Router;
  /** Serves what is not the data plane's; guards itself with {@link createGuard}. */
  readonly control: RequestListener;
  readonly clock?: Clock;
  /** Serves this one server at `/mcp`, `/sse` and `/ws`. */
  readonly bridge?: string;
  /** Where, instead of the usual paths. */
  readonly bridgePaths?: BridgePaths;
  readonly onError?: (error: BerthError, requestId?: string) => void;
  /** Counts clients' traffic. */
  readonly traffic?: Traffic;
  readonly bodies?: BodyBudget;
  /** What stays open, the control plane's included: all of it is ended as the gateway goes away. */
  readonly streams?: LongStreams;
  /** Makes spans of clients' calls. */
  readonly tracer?: CallTracer;
  /** See {@link HttpServerOptions}. */
  readonly endpoints?: readonly string[];
  readonly onRequest?: HttpServerOptions['onRequest'];
  readonly certificate?: HttpServerOptions['certificate'];
}

/** Bytes of a session nonce: more than the 128 bits that guessing must face. */
const NONCE_BYTES = 18;
const INSTANCE_BYTES = 9;

export function createGateway(options: GatewayOptions): HttpFront {
  const { settings, keys, traffic = new Traffic(), clock = systemClock } = options;
  const cors = createCors(settings);
  const instance = randomBytes(INSTANCE_BYTES).toString('base64url');
  let count = 0;
  const dataPlane = createDataPlane({
    directory: options.directory,
    router: options.router,
    guard: createGuard(settings, keys),
    sealer: options.sealer,
    limits: settings.limits,
    bodies: options.bodies ?? new BodyBudget(settings.limits.openBodyBytes),
    traffic,
    ...(options.streams && { streams: options.streams }),
    ...(options.tracer && { tracer: options.tracer }),
    clock,
    pathPrefix:
      settings.publicUrl === undefined ? '' : new URL(settings.publicUrl).pathname.replace(/\/$/, ''),
    nextKey: () => `${instance}.${++count}`,
    nextNonce: () => randomBytes(NONCE_BYTES).toString('base64url'),
    ...(options.bridge !== undefined && { bridge: options.bridge }),
    ...(options.bridgePaths && { bridgePaths: options.bridgePaths }),
    onError: (error, requestId) => options.onError?.(error, requestId),
  });
  return createHttpFront({
    dataPlane,
    control: options.control,
    before: (request, response) => answerCors(cors, request, response),
    headers: settings.limits.headers,
    connections: settings.limits.connections,
    traffic,
    clock,
    endpoints: options.endpoints ?? [],
    onRequest: options.onRequest,
    certificate: options.certificate,
  });
}

/** Adds what pages of allowed origins need; true when the request was a preflight and is answered. */
function answerCors(cors: Cors, ...[request, response]: Parameters<RequestListener>): boolean {
  const { origin } = request.headers;
  if (origin === undefined) return false;
  const preflight = cors.preflight(request);
  if (preflight) {
    response.writeHead(204, preflight).end();
    return true;
  }
  const fields = cors.headersFor(origin);
  if (fields) for (const [name, value] of Object.entries(fields)) response.setHeader(name, value);
  return false;
}
