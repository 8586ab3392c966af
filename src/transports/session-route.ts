/** From a legacy request to its conversation: a session that it opens or names, or the pool of a server without sessions. */
import { BerthError } from '../errors.ts';
import type { Conversation } from '../sessions/conversation.ts';
import { traced } from './call-tracer.ts';
import type { Caller, DataPlane, ServedServer, SessionClaims } from './context.ts';
import type { HttpRequest } from './http-request.ts';
import { openOn } from './opening.ts';
import { noReplica } from './served-server.ts';

export interface SessionRoute {
  readonly conversation: Conversation;
  /** The id of a session that is about to be opened; to be asked for once it was accepted. */
  readonly sealed?: () => string;
}

/** Without sessions every request of a principal goes to the same pool; no id is minted. */
export function isPooled(server: ServedServer): boolean {
  return server.sessions === 'none' || server.isolation === 'call';
}

/** For an `initialize`: a new session, unless the request names one. */
export function openConversation(plane: DataPlane, http: HttpRequest): SessionRoute {
  const { server, request } = http;
  if (isPooled(server)) return { conversation: pooledConversation(plane, http) };
  if (request.headers['mcp-session-id'] !== undefined) return findConversation(plane, http);
  return newSession(plane, http);
}

/** A session under a fresh nonce, on the replica that has most room; throws `busy` without one. */
export function newSession(
  plane: Pick<DataPlane, 'nextNonce' | 'router' | 'sealer' | 'tracer'>,
  who: Pick<HttpRequest, 'server' | 'principal'> & Partial<Pick<HttpRequest, 'request'>>,
  delivery?: SessionClaims['delivery'],
): Required<SessionRoute> {
  const { server, principal } = who;
  const nonce = plane.nextNonce();
  const route = plane.router.route(server.id, nonce, 'session');
  if (!route) throw noReplica(server);
  const target = { server: server.id, kind: 'session', key: nonce, principal: principal.id } as const;
  const opening = openOn(route, target);
  const claims = { nonce, principal: principal.digest, issuedAt: Date.now(), ...(delivery && { delivery }) };
  return {
    conversation: traced(plane, opening.conversation, who, nonce),
    sealed: () => plane.sealer.seal(server.id, { ...claims, replica: opening.replica }),
  };
}

/** For everything else: the session that the request names; throws `missing-session` or `unknown-session`. */
export function findConversation(plane: DataPlane, http: HttpRequest): SessionRoute {
  const { server, principal, request } = http;
  if (isPooled(server)) return { conversation: pooledConversation(plane, http) };
  const sealed = request.headers['mcp-session-id'];
  if (typeof sealed !== 'string')
    throw new BerthError('missing-session', 'an Mcp-Session-Id header is required');
  return { conversation: openSealed(plane, { server, principal, request, sealed }) };
}

/** The conversation of a sealed session id; throws `unknown-session` for anything that is not this caller's session of this transport here. */
export function openSealed(
  plane: DataPlane,
  who: {
    readonly server: ServedServer;
    readonly principal: Caller;
    readonly request: HttpRequest['request'];
    readonly sealed: string;
    readonly delivery?: SessionClaims['delivery'];
  },
): Conversation {
  const { server, principal, sealed, delivery } = who;
  const claims = plane.sealer.open(sealed, server.id);
  const isOurs = claims?.principal === principal.digest && claims.delivery === delivery;
  const link = isOurs ? plane.router.replica(server.id, claims.replica) : undefined;
  if (!claims || !link) throw new BerthError('unknown-session', 'unknown session');
  const target = { server: server.id, kind: 'session', key: claims.nonce, principal: principal.id } as const;
  return traced(plane, link.conversation(target), who, claims.nonce);
}

function pooledConversation(plane: DataPlane, http: HttpRequest): Conversation {
  const { server, principal } = http;
  const route = plane.router.route(server.id, principal.id);
  if (!route) throw noReplica(server);
  const target = { server: server.id, kind: 'affinity', key: '', principal: principal.id } as const;
  return traced(plane, openOn(route, target).conversation, http);
}
