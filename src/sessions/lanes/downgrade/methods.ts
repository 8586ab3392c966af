/** Which methods a legacy client finds on a modern server, and what it may say to it. */
import { memberNamed, membersOf, stringAt } from '../../../jsonrpc/members.ts';
import type { ClientMessage } from '../../message.ts';
import type { Offered } from './discovery.ts';

/** They change what the session is subscribed to. */
export const SUBSCRIBING: ReadonlySet<string> = new Set(['resources/subscribe', 'resources/unsubscribe']);

const SET_LEVEL = 'logging/setLevel';
const LEVELS = new Set(['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency']);
/** Methods of the modern era that no legacy client has. */
const MODERN_METHODS = new Set(['server/discover', 'subscriptions/listen']);
/** What a legacy client says that no modern server would understand. */
const LEGACY_NOTIFICATIONS = new Set([
  'notifications/initialized',
  'notifications/roots/list_changed',
  'notifications/progress',
  'notifications/tasks/status',
]);

export interface Available {
  readonly hasSession: boolean;
  /** Undefined before the server has said what it offers. */
  readonly offered: Offered | undefined;
}

/** Whether a legacy client has the method on this server, as far as that is known. */
export function isAvailable(method: string, { hasSession, offered }: Available): boolean {
  if (MODERN_METHODS.has(method) || method.startsWith('tasks/')) return false;
  if (method === SET_LEVEL) return hasSession && offered?.logging !== false;
  if (SUBSCRIBING.has(method)) return hasSession && offered?.subscribe !== false;
  return true;
}

/** Whether a client's notification means something to a modern server, or might. */
export function isPassedOn(notification: string): boolean {
  return !LEGACY_NOTIFICATIONS.has(notification);
}

/** The level of a `logging/setLevel`; undefined where it is none. */
export function levelOf({ bytes, envelope }: ClientMessage): string | undefined {
  const level = memberNamed(membersOf(bytes, envelope.paramsStart), 'level');
  const text = level && stringAt(bytes, level.valueStart);
  return text !== undefined && LEVELS.has(text) ? text : undefined;
}
