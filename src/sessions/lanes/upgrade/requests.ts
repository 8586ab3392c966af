/** A modern client's request as a legacy server takes it, and what is read of its envelope. Pure. */
import type { Edit } from '../../../jsonrpc/edit.ts';
import { readString } from '../../../jsonrpc/envelope.ts';
import { isObjectAt, membersOf, removeMembers } from '../../../jsonrpc/members.ts';
import type { ClientMessage } from '../../message.ts';
import { canonicalJson } from '../initialize.ts';

/** Keys of `_meta` that make the modern envelope; trace context, progress tokens and keys of vendors are not among them. */
const ENVELOPE_PREFIX = 'io.modelcontextprotocol/';
const LOG_LEVEL = `${ENVELOPE_PREFIX}logLevel`;
const LOG_LEVEL_NAME = Buffer.from(`"${LOG_LEVEL}"`);
const CLIENT_INFO = `${ENVELOPE_PREFIX}clientInfo`;
const QUOTE = 0x22;
/** Members of `params` that belong to the rounds of a call. */
const ROUND_MEMBERS: ReadonlySet<string> = new Set(['inputResponses', 'requestState']);

/** Methods whose calls a server may interrupt to ask the client. */
export const MAY_ASK: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read']);

/** Methods of the legacy era that a modern client does not have, and those that Berth answers or refuses itself. */
export function isRemoved(method: string): boolean {
  return REMOVED.has(method) || method.startsWith('tasks/');
}

const REMOVED: ReadonlySet<string> = new Set([
  'initialize',
  'ping',
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
]);

/** A request as a legacy server takes it, and the log level that its envelope asks for. */
export interface LegacyRequest {
  readonly edits: readonly Edit[];
  readonly logLevel?: string;
}

/** Takes the modern envelope and the members of a round out of a request. */
export function toLegacyRequest({ bytes, envelope }: ClientMessage): LegacyRequest {
  const members = membersOf(bytes, envelope.metaStart);
  const edits = removeMembers(members, ({ name }) => name.startsWith(ENVELOPE_PREFIX));
  if (envelope.stateStart >= 0 || envelope.responsesStart >= 0)
    edits.push(
      ...removeMembers(membersOf(bytes, envelope.paramsStart), ({ name }) => ROUND_MEMBERS.has(name)),
    );
  const level = members.find(({ name }) => name === LOG_LEVEL);
  if (!level || bytes[level.valueStart] !== QUOTE) return { edits };
  return { edits, logLevel: readString(bytes, level.valueStart, level.end) };
}

/** The log level that a request's envelope asks for, looked for only where its name stands. */
export function logLevelOf({ bytes, envelope }: ClientMessage): string | undefined {
  if (envelope.metaStart < 0 || !bytes.includes(LOG_LEVEL_NAME, envelope.metaStart)) return undefined;
  const level = membersOf(bytes, envelope.metaStart).find(({ name }) => name === LOG_LEVEL);
  return level && bytes[level.valueStart] === QUOTE
    ? readString(bytes, level.valueStart, level.end)
    : undefined;
}

/** The tasks that a `subscriptions/listen` wants to hear of. */
export function listenedTasks({ bytes, envelope }: ClientMessage): unknown[] {
  if (envelope.paramsStart < 0) return [];
  const text = bytes.toString('utf8', envelope.paramsStart, envelope.paramsEnd);
  const { notifications } = JSON.parse(text) as {
    readonly notifications?: { readonly taskIds?: unknown } | null;
  };
  const tasks = notifications?.taskIds;
  return Array.isArray(tasks) ? tasks : tasks === undefined ? [] : [tasks];
}

/** It is kept as long as the process that it names the client to. */
const MOST_INFO = 64 * 1024;

/** JSON text of who the client says it is; undefined when it does not, or says more than anybody would keep. */
export function clientInfoOf({ bytes, envelope }: ClientMessage): string | undefined {
  const info = membersOf(bytes, envelope.metaStart).find(({ name }) => name === CLIENT_INFO);
  return info && info.end - info.valueStart <= MOST_INFO && isObjectAt(bytes, info.valueStart)
    ? bytes.toString('utf8', info.valueStart, info.end)
    : undefined;
}

/** Raw text of the client's capabilities, cheaply: they decide which process serves a request. */
export function rawCapabilities({ bytes, envelope }: ClientMessage): string {
  return envelope.capabilitiesStart < 0
    ? '{}'
    : bytes.toString('utf8', envelope.capabilitiesStart, envelope.capabilitiesEnd);
}

/** Capabilities for a legacy `initialize`, with sorted keys: what the client declared, minus what cannot cross the eras. */
export function toLegacyCapabilities(raw: string): string {
  const declared = JSON.parse(raw) as Record<string, unknown>;
  const { extensions: _extensions, tasks: _tasks, ...rest } = declared;
  // No modern client can say that its roots have changed.
  if (rest.roots !== undefined) rest.roots = {};
  return canonicalJson(rest);
}

/** Text that two requests have in common exactly when they ask for the same: their params without `_meta` and the members of a round. */
export function paramsIdentity({ bytes, envelope }: ClientMessage): string {
  if (envelope.paramsStart < 0) return '{}';
  const text = bytes.toString('utf8', envelope.paramsStart, envelope.paramsEnd);
  const { _meta, inputResponses: _responses, requestState: _state, ...rest } = JSON.parse(text);
  return canonicalJson(rest);
}

/** `params.name`, decoded. */
export function nameOf({ bytes, envelope }: ClientMessage): string | undefined {
  return envelope.nameStart < 0 ? undefined : readString(bytes, envelope.nameStart, envelope.nameEnd);
}
