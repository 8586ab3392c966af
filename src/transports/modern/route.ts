/** Where a modern request goes: to the replica that holds its parked call, else to the one of its principal (data-path.md 5.4, 7.1). */
import { BerthError } from '../../errors.ts';
import { readString } from '../../jsonrpc/envelope.ts';
import type { ModernCall } from '../../sessions/call-request.ts';
import type { Conversation } from '../../sessions/conversation.ts';
import type { ClientMessage } from '../../sessions/message.ts';
import type { ParkRecord, StreamEvent } from '../../sessions/reader.ts';
import type { Caller, DataPlane, ServedServer, StateClaims } from '../context.ts';
import { openOn } from '../opening.ts';

export interface ModernCaller {
  readonly server: ServedServer;
  readonly principal: Caller;
}

/** What of the data plane is needed to find the way. */
export type RoutePlane = Pick<DataPlane, 'router' | 'sealer'>;

export interface ModernRoute {
  readonly conversation: Conversation;
  /** The parked call that the request goes on with. */
  readonly resume?: NonNullable<ModernCall['resume']>;
  /** The event as its client may have it: what parks a call gets its `requestState`. */
  readonly sealed: (event: StreamEvent) => StreamEvent;
}

const QUOTE = 0x22;

/** Throws `busy` without a replica, `invalid-params` for a state that is ours and good no more. */
export function routeModern(plane: RoutePlane, caller: ModernCaller, message: ClientMessage): ModernRoute {
  const { server, principal } = caller;
  const claims = stateOf(plane, caller, message);
  const route = claims ? routeParked(plane, server, claims) : plane.router.route(server.id, principal.id);
  if (!route) throw new BerthError('busy', 'no replica of this server is ready');
  const target = { server: server.id, kind: 'modern', key: '', principal: principal.id } as const;
  const opening = openOn(route, target);
  const seal = ({ call, round, expiresAt }: ParkRecord): string => {
    const { replica } = opening;
    return plane.sealer.sealState(server.id, {
      replica,
      principal: principal.digest,
      call,
      round,
      expiresAt,
    });
  };
  return {
    conversation: opening.conversation,
    ...(claims && { resume: { call: claims.call, round: claims.round } }),
    sealed: (event) => (event.park ? withState(event, event.park.at, seal(event.park)) : event),
  };
}

/** What the request's state says, if it is one of ours for this caller; any other is the server's own, or for it to refuse. */
function stateOf(
  plane: RoutePlane,
  { server, principal }: ModernCaller,
  { bytes, envelope }: ClientMessage,
): StateClaims | undefined {
  if (envelope.stateStart < 0) return undefined;
  if (bytes[envelope.stateStart] !== QUOTE)
    throw new BerthError('invalid-params', 'params.requestState must be a string');
  const state = readString(bytes, envelope.stateStart, envelope.stateEnd);
  const claims = plane.sealer.openState(state, server.id);
  return claims?.principal === principal.digest ? claims : undefined;
}

function routeParked(
  plane: RoutePlane,
  server: ServedServer,
  { replica, expiresAt }: StateClaims,
): { readonly replica: string; readonly link: NonNullable<ReturnType<DataPlane['router']['replica']>> } {
  if (expiresAt <= Date.now())
    throw new BerthError('invalid-params', 'the call waited for its input for too long and is over');
  const link = plane.router.replica(server.id, replica);
  if (!link) throw new BerthError('invalid-params', 'the call that requestState names is over');
  return { replica, link };
}

/** Only the parts that the client sees change: `bytes` stays what was delivered, for its credit. */
function withState(event: StreamEvent, at: number, state: string): StreamEvent {
  const parts: Buffer[] = [];
  let from = 0;
  for (const part of event.parts) {
    const cut = at - from;
    from += part.length;
    if (cut < 0 || cut >= part.length) parts.push(part);
    else parts.push(part.subarray(0, cut), Buffer.from(`"requestState":"${state}",`), part.subarray(cut));
  }
  return { ...event, parts };
}
