/**
 * Where a modern request goes: to the replica that holds its parked call or gave out its state, else to the one of its principal
 * (data-path.md 5.4, 7.1).
 */
import { BerthError } from '../../errors.ts';
import { readString } from '../../jsonrpc/envelope.ts';
import type { ModernCall } from '../../sessions/call-request.ts';
import type { Conversation } from '../../sessions/conversation.ts';
import { namedTask } from '../../sessions/lanes/modern/named-task.ts';
import type { ClientMessage } from '../../sessions/message.ts';
import type { ParkRecord, StreamEvent } from '../../sessions/reader.ts';
import { traced } from '../call-tracer.ts';
import type { Caller, DataPlane, Route, ServedServer, ServerStateClaims, StateClaims } from '../context.ts';
import type { HttpRequest } from '../http-request.ts';
import { openOn } from '../opening.ts';
import { noReplica } from '../served-server.ts';
import { withSealedState, withServerState } from './server-state.ts';

export interface ModernCaller {
  readonly server: ServedServer;
  readonly principal: Caller;
  /** Absent where calls come on a stream of messages. */
  readonly request?: HttpRequest['request'];
}

/** What of the data plane is needed to find the way. */
export type RoutePlane = Pick<DataPlane, 'router' | 'sealer' | 'limits' | 'tracer'>;

export interface ModernRoute {
  readonly conversation: Conversation;
  /** The request as it goes there. */
  readonly message: ClientMessage;
  /** The parked call that the request goes on with. */
  readonly resume?: NonNullable<ModernCall['resume']>;
  /** The event as its client may have it: what parks a call gets its `requestState`. */
  readonly sealed: (event: StreamEvent) => StreamEvent;
}

const QUOTE = 0x22;
/** A server's state may have this part of what a client's message may have: sealed it is a third longer, and answers go with it. */
const STATE_SHARE = 4;

/** Throws `busy` without a replica, `invalid-params` for a state that is ours and good no more, or not this caller's. */
export function routeModern(plane: RoutePlane, caller: ModernCaller, message: ClientMessage): ModernRoute {
  const { server, principal } = caller;
  const { parked, own } = stateOf(plane, caller, message);
  const task = own ? undefined : namedTask(message);
  const route = parked
    ? routeParked(plane, server, parked)
    : routeCall(plane, caller, { task, replica: own?.replica });
  if (!route) throw noReplica(server);
  const target = { server: server.id, kind: 'modern', key: '', principal: principal.id } as const;
  const opening = openOn(route, target);
  return {
    conversation: traced(plane, opening.conversation, caller),
    message: own ? withServerState(message, own.state) : message,
    ...(parked && { resume: { call: parked.call, round: parked.round } }),
    sealed: sealing(plane, caller, opening),
  };
}

/** What of a call's events its client must not have as it is: what a parked one is found by, and the server's own state. */
function sealing(
  { sealer, limits }: RoutePlane,
  { server, principal: { digest: principal } }: ModernCaller,
  opening: { readonly replica: string },
): ModernRoute['sealed'] {
  const sealPark = ({ call, round, expiresAt }: ParkRecord): string =>
    sealer.sealState(server.id, { replica: opening.replica, principal, call, round, expiresAt });
  const how = {
    seal: (state: Buffer) =>
      sealer.sealServerState(server.id, { replica: opening.replica, principal, state }),
    most: limits.messageBytes / STATE_SHARE,
  };
  return (event) => {
    if (event.park) return withState(event, event.park.at, sealPark(event.park));
    // Under keys that nobody has tomorrow a state would be worth less than as it is.
    return event.kind === 'answer' && sealer.lasting ? withSealedState(event, how) : event;
  };
}

/** What the request's state says, if it is one of ours. Any that is not is the server's own, as gateways gave it out before they sealed it. */
function stateOf(
  plane: RoutePlane,
  { server, principal }: ModernCaller,
  { bytes, envelope }: ClientMessage,
): { readonly parked?: StateClaims; readonly own?: ServerStateClaims } {
  if (envelope.stateStart < 0) return {};
  if (bytes[envelope.stateStart] !== QUOTE)
    throw new BerthError('invalid-params', 'params.requestState must be a string');
  const state = readString(bytes, envelope.stateStart, envelope.stateEnd);
  if (!plane.sealer.looksSealed(state)) return {};
  const parked = plane.sealer.openState(state, server.id);
  if (parked?.principal === principal.digest) return { parked };
  const own = plane.sealer.openServerState(state, server.id);
  if (own?.principal === principal.digest) return { own };
  throw new BerthError('invalid-params', 'requestState is none that this caller was given by this server', {
    hint: 'Send the state of the last answer as it came, or make the call again without one.',
  });
}

/**
 * To the replica that gave out the state, or runs the task, while it is there: its server may keep what belongs to it. Any other can at
 * least say no.
 */
function routeCall(
  { router }: RoutePlane,
  { server, principal }: ModernCaller,
  { replica, task }: { readonly replica: string | undefined; readonly task: string | undefined },
): Route | undefined {
  const link = replica === undefined ? undefined : router.replica(server.id, replica);
  if (replica === undefined || !link)
    return router.route(server.id, principal.id, task === undefined ? undefined : { task });
  return { replica, link, next: () => router.route(server.id, principal.id) };
}

function routeParked(plane: RoutePlane, server: ServedServer, { replica, expiresAt }: StateClaims): Route {
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
