/** What a modern message must carry in itself, whatever transport brought it (2026-07-28, basic: `_meta`). */
import { BerthError } from '../../errors.ts';
import { readString } from '../../jsonrpc/envelope.ts';
import { isObjectAt } from '../../jsonrpc/members.ts';
import type { ClientMessage } from '../../sessions/message.ts';

const VERSION = 'io.modelcontextprotocol/protocolVersion';
const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';

/** Requests of older revisions that this one has no more; a server of those might answer them. */
const REMOVED: ReadonlySet<string> = new Set([
  'initialize',
  'ping',
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
  'tasks/list',
  'tasks/result',
]);

/** Whether a message carries the envelope or a part of it, where no header says what it is. */
export function hasEnvelope({ envelope }: ClientMessage): boolean {
  return envelope.modern || envelope.capabilitiesStart >= 0;
}

/** The revision that a request's envelope names; throws `invalid-params` for an envelope that is not whole. */
export function readEnvelope(message: ClientMessage): string {
  const { bytes, envelope } = message;
  const wrong: string[] = [];
  if (!isObjectAt(bytes, envelope.metaStart)) throw badEnvelope('params._meta must be an object');
  if (!envelope.modern) wrong.push(`${VERSION} is missing`);
  else if (envelope.metaVersionStart < 0) wrong.push(`${VERSION} must be a string`);
  if (envelope.capabilitiesStart < 0) wrong.push(`${CAPABILITIES} is missing`);
  else if (!isObjectAt(bytes, envelope.capabilitiesStart)) wrong.push(`${CAPABILITIES} must be an object`);
  if (wrong.length > 0) throw badEnvelope(wrong.join(', '));
  return versionOf(message);
}

/** The revision that a notification's envelope names, if it has one; throws `invalid-params` for one that is no text. */
export function readNotificationVersion(message: ClientMessage): string | undefined {
  if (!message.envelope.modern) return undefined;
  if (message.envelope.metaVersionStart < 0) throw badEnvelope(`${VERSION} must be a string`);
  return versionOf(message);
}

/** Throws `unknown-method` for what cannot be called in this revision; whether a server has the rest is for it to say. */
export function checkMethod(method: string): void {
  if (REMOVED.has(method) || method.startsWith('notifications/'))
    throw new BerthError('unknown-method', 'this protocol revision has no such method');
}

function versionOf({ bytes, envelope }: ClientMessage): string {
  return readString(bytes, envelope.metaVersionStart, envelope.metaVersionEnd);
}

function badEnvelope(what: string): BerthError {
  return new BerthError('invalid-params', `the envelope of the request is not whole: ${what}`);
}
