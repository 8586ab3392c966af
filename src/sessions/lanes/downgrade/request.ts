/** A legacy client's request in the form of the modern era: with its envelope, and without what that era has no more. */
import { applyEdits, type Edit, inOrder } from '../../../jsonrpc/edit.ts';
import { scanMessage } from '../../../jsonrpc/envelope.ts';
import {
  insertMembers,
  isEmptyAt,
  isObjectAt,
  type Member,
  membersOf,
  removeMembers,
} from '../../../jsonrpc/members.ts';
import type { ClientMessage } from '../../message.ts';

/** Keys of `_meta` that say who sends a request: the gateway's to write, whatever a client put there. */
const ENVELOPE_KEYS = new Set(
  ['protocolVersion', 'clientCapabilities', 'clientInfo', 'logLevel'].map(
    (name) => `io.modelcontextprotocol/${name}`,
  ),
);
const QUOTED_TASK = '"task"';
const RETRY_MEMBERS = new Set(['inputResponses', 'requestState']);

/** The edits that put `envelope` (members of `_meta`, without braces) into a request and take a stray `task` out of a tool call. */
export function requestEdits(message: ClientMessage, envelope: string): Edit[] {
  const { bytes, envelope: at } = message;
  if (at.paramsStart < 0)
    return [{ start: at.idEnd, end: at.idEnd, text: `,"params":{"_meta":{${envelope}}}` }];
  const params = mayHaveTask(message) ? membersOf(bytes, at.paramsStart) : [];
  const edits = removeMembers(params, isTask);
  if (at.metaStart >= 0) edits.push(...metaEdits(bytes, message, envelope));
  else {
    const empty = edits.length > 0 ? params.every(isTask) : isEmptyAt(bytes, at.paramsStart);
    edits.push(insertMembers(at.paramsStart, `"_meta":{${envelope}}`, empty));
  }
  return inOrder(edits);
}

/** The same request once more, with the answers to what the server asked and its own `requestState`, both byte for byte. */
export function retryMessage(
  message: ClientMessage,
  { responses, state }: { readonly responses?: Buffer | undefined; readonly state?: Buffer | undefined },
): ClientMessage {
  const { bytes, envelope } = message;
  const added: Buffer[] = [];
  if (responses) added.push(Buffer.from('"inputResponses":'), responses);
  if (state) added.push(Buffer.from(`${responses ? ',' : ''}"requestState":`), state);
  const parts =
    envelope.paramsStart < 0 ? withParams(bytes, envelope.idEnd, added) : inParams(message, added);
  const retried = Buffer.concat(parts);
  const scanned = scanMessage(retried);
  if (!scanned.envelope) throw new Error(scanned.fault.text);
  return { bytes: retried, envelope: scanned.envelope };
}

function withParams(bytes: Buffer, at: number, added: readonly Buffer[]): Buffer[] {
  return [bytes.subarray(0, at), Buffer.from(',"params":{'), ...added, Buffer.from('}'), bytes.subarray(at)];
}

function inParams({ bytes, envelope }: ClientMessage, added: readonly Buffer[]): Buffer[] {
  const at = envelope.paramsStart + 1;
  const params = membersOf(bytes, envelope.paramsStart);
  const isOld = ({ name }: Member): boolean => RETRY_MEMBERS.has(name);
  const rest = applyEdits(bytes, removeMembers(params, isOld), at);
  const comma = params.every(isOld) || added.length === 0 ? [] : [Buffer.from(',')];
  return [bytes.subarray(0, at), ...added, ...comma, ...rest];
}

function metaEdits(bytes: Buffer, { envelope: at }: ClientMessage, envelope: string): Edit[] {
  if (!isObjectAt(bytes, at.metaStart))
    return [{ start: at.metaStart, end: at.metaEnd, text: `{${envelope}}` }];
  const members = membersOf(bytes, at.metaStart);
  const isOurs = ({ name }: Member): boolean => ENVELOPE_KEYS.has(name);
  return [insertMembers(at.metaStart, envelope, members.every(isOurs)), ...removeMembers(members, isOurs)];
}

/** Most calls need no walk through their parameters: a member's name is written plainly, or with an escape. */
function mayHaveTask({ bytes, envelope }: ClientMessage): boolean {
  if (envelope.method !== 'tools/call') return false;
  return bytes.includes(QUOTED_TASK, envelope.paramsStart) || bytes.includes('\\', envelope.paramsStart);
}

function isTask({ name }: Member): boolean {
  return name === 'task';
}
