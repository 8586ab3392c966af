/** What a legacy server asks its client, as the input requests of a modern result, and the answers on their way back. Pure. */
import { applyEdits } from '../../../jsonrpc/edit.ts';
import { isObjectAt, membersOf, removeMembers } from '../../../jsonrpc/members.ts';
import { type ClientMessage, rawId } from '../../message.ts';
import { canonicalJson } from '../initialize.ts';

/** One question of the server to the client. */
export interface Asked {
  /** The server's own id as text: the key of the input request. */
  readonly key: string;
  /** Our id of it on the channel; undefined when it came as an error of the call rather than as a request. */
  readonly id: number | undefined;
  readonly method: string;
  /** JSON text. */
  readonly params: string | undefined;
}

/** The input requests that exist; a server asks nothing else of a modern client. */
export const ASKABLE: ReadonlySet<string> = new Set([
  'elicitation/create',
  'sampling/createMessage',
  'roots/list',
]);

/** Members of a legacy question that no modern one has. */
const LEGACY_MEMBERS: ReadonlySet<string> = new Set(['elicitationId', 'task']);

/** The question of a server's request. `taken`: keys that stand for others. */
export function toAsked(message: ClientMessage, id: number, taken: (key: string) => boolean): Asked {
  const { bytes, envelope } = message;
  const raw = rawId(message);
  const params =
    envelope.paramsStart < 0
      ? undefined
      : toModernParams(bytes.subarray(envelope.paramsStart, envelope.paramsEnd));
  return {
    key: freeKey(raw.startsWith('"') ? JSON.parse(raw) : raw, taken),
    id,
    method: envelope.method,
    params,
  };
}

function freeKey(key: string, taken: (key: string) => boolean): string {
  if (!taken(key)) return key;
  for (let n = 2; ; n++) if (!taken(`${key}-${n}`)) return `${key}-${n}`;
}

function toModernParams(params: Buffer): string {
  const edits = removeMembers(membersOf(params, 0), ({ name }) => LEGACY_MEMBERS.has(name));
  return Buffer.concat(applyEdits(params, edits)).toString('utf8');
}

/** The questions of an error -32042: URLs that the client must have visited before the call is made again. */
export function urlQuestions(line: Buffer, errorStart: number, errorEnd: number): Asked[] {
  const { data } = JSON.parse(line.toString('utf8', errorStart, errorEnd)) as { data?: unknown };
  const { elicitations } = (data ?? {}) as { elicitations?: unknown };
  if (!Array.isArray(elicitations)) return [];
  return elicitations.map((elicitation: object, index) => {
    const { elicitationId: _id, ...params } = { ...elicitation } as Record<string, unknown>;
    const text = JSON.stringify({ ...params, mode: 'url' });
    return { key: `url-${index + 1}`, id: undefined, method: 'elicitation/create', params: text };
  });
}

/** The member `inputRequests` of a result, JSON text. */
export function inputRequests(asked: readonly Asked[]): string {
  const entries = asked.map(({ key, method, params }) => {
    const body = params === undefined ? '' : `,"params":${params}`;
    return `${JSON.stringify(key)}:{"method":"${method}"${body}}`;
  });
  return `"inputRequests":{${entries.join(',')}}`;
}

/** The client's answers by key, raw; undefined when `inputResponses` is there and no object. */
export function readResponses({ bytes, envelope }: ClientMessage): Map<string, string> | undefined {
  const responses = new Map<string, string>();
  if (envelope.responsesStart < 0) return responses;
  if (!isObjectAt(bytes, envelope.responsesStart)) return undefined;
  for (const { name, valueStart, end } of membersOf(bytes, envelope.responsesStart))
    responses.set(name, bytes.toString('utf8', valueStart, end));
  return responses;
}

/** Why an answer cannot be one to its question; undefined when it can. */
export function shapeFault({ key, method }: Asked, raw: string): string | undefined {
  const answer: unknown = JSON.parse(raw);
  if (!isObject(answer)) return `the answer to ${key} is no object`;
  switch (method) {
    case 'elicitation/create':
      // An action that is no text need not even become one.
      return typeof answer.action === 'string' && ['accept', 'decline', 'cancel'].includes(answer.action)
        ? undefined
        : `the answer to ${key} needs an action: accept, decline or cancel`;
    case 'sampling/createMessage':
      return typeof answer.role === 'string' && answer.content !== undefined
        ? undefined
        : `the answer to ${key} needs a role and a content`;
    case 'roots/list':
      return Array.isArray(answer.roots) ? undefined : `the answer to ${key} needs a list of roots`;
    default:
      return undefined;
  }
}

/** Equal for the same answers to the same questions, whatever else a client sends. */
export function answersIdentity(asked: readonly Asked[], responses: ReadonlyMap<string, string>): string {
  const given = asked.flatMap(({ key }) => {
    const raw = responses.get(key);
    return raw === undefined ? [] : [[key, JSON.parse(raw)] as const];
  });
  return canonicalJson(Object.fromEntries(given));
}

/** The capabilities that a client would need for a question, as far as it lacks them; undefined when it has them. `declared` is parsed. */
export function lacking(
  { method, params }: Asked,
  declared: Readonly<Record<string, unknown>>,
): Record<string, unknown> | undefined {
  switch (method) {
    case 'sampling/createMessage':
      return isObject(declared.sampling) ? undefined : { sampling: {} };
    case 'roots/list':
      return isObject(declared.roots) ? undefined : { roots: {} };
    default:
      return lackingElicitation(params, declared.elicitation);
  }
}

/** An empty declaration means forms. */
function lackingElicitation(
  params: string | undefined,
  declared: unknown,
): Record<string, unknown> | undefined {
  const mode = params === undefined ? undefined : (JSON.parse(params) as { mode?: unknown }).mode;
  if (mode === 'url')
    return isObject(declared) && isObject(declared.url) ? undefined : { elicitation: { url: {} } };
  if (!isObject(declared)) return { elicitation: {} };
  const forms = isObject(declared.form) || declared.url === undefined;
  return forms ? undefined : { elicitation: { form: {} } };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
