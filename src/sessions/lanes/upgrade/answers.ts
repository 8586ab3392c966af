/** A legacy server's answer as a modern client takes it. Pure; what is not named here passes byte for byte. */
import { applyEdits, type Edit } from '../../../jsonrpc/edit.ts';
import type { Envelope } from '../../../jsonrpc/envelope.ts';
import {
  elementsOf,
  insertMembers,
  isObjectAt,
  type Member,
  membersOf,
  removeMembers,
} from '../../../jsonrpc/members.ts';
import { errorMessage } from '../../message.ts';

/** Methods whose results say how long and for whom they may be kept. */
const CACHEABLE: ReadonlySet<string> = new Set([
  'server/discover',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
]);
/** A legacy server promises nothing about its answers, so nothing may be kept of them. */
const CACHE_HINTS: readonly (readonly [name: string, value: string])[] = [
  ['ttlMs', '0'],
  ['cacheScope', '"private"'],
];
const SERVER_INFO = 'io.modelcontextprotocol/serverInfo';

const INVALID_PARAMS = -32602;
const LEGACY_NOT_FOUND = '-32002';
/** The server wants URLs to be visited before the call is made again. */
export const URL_ELICITATION_REQUIRED = -32042;

/** An answer for whoever asks: given the raw id of a request, its bytes. */
export type Answer = (rawId: string) => readonly Buffer[];

export interface AnswerContext {
  readonly method: string;
  /** JSON text of the server's `serverInfo`. */
  readonly serverInfo: string;
  /** `params.uri` of the request. */
  readonly uri?: string | undefined;
}

/** Translates a result or an error. */
export function toModernAnswer(line: Buffer, envelope: Envelope, context: AnswerContext): Answer {
  if (envelope.kind === 'error') return fromEdits(line, envelope, errorEdits(line, envelope, context));
  if (!isObjectAt(line, envelope.resultStart))
    return (id) => [
      errorMessage(id, { code: -32603, message: 'the server answered with something that is no result' }),
    ];
  return fromEdits(line, envelope, resultEdits(line, envelope, context));
}

/** The code of an error answer. */
export function errorCode(line: Buffer, envelope: Envelope): number {
  const code = membersOf(line, envelope.errorStart).find(({ name }) => name === 'code');
  return code ? Number(line.toString('latin1', code.valueStart, code.end)) : Number.NaN;
}

function fromEdits(line: Buffer, envelope: Envelope, edits: readonly Edit[]): Answer {
  return (rawId) => {
    const id = { start: envelope.idStart, end: envelope.idEnd, text: rawId };
    return applyEdits(
      line,
      [id, ...edits].sort((a, b) => a.start - b.start || a.end - b.end),
    );
  };
}

function resultEdits(line: Buffer, { resultStart }: Envelope, context: AnswerContext): Edit[] {
  const members = membersOf(line, resultStart);
  const has = (wanted: string): Member | undefined => members.find(({ name }) => name === wanted);
  const meta = has('_meta');
  const isReplaced = ({ name }: Member): boolean =>
    name === 'resultType' || (name === '_meta' && meta !== undefined && !isObjectAt(line, meta.valueStart));
  const added = ['"resultType":"complete"'];
  if (CACHEABLE.has(context.method))
    for (const [name, value] of CACHE_HINTS) if (!has(name)) added.push(`"${name}":${value}`);
  if (context.method === 'tools/call' && !has('content')) added.push('"content":[]');
  const info = `"${SERVER_INFO}":${context.serverInfo}`;
  const keepsMeta = meta !== undefined && !isReplaced(meta);
  if (!keepsMeta) added.push(`"_meta":{${info}}`);
  const edits = removeMembers(members, isReplaced);
  edits.push(insertMembers(resultStart, added.join(','), members.every(isReplaced)));
  if (keepsMeta) edits.push(...infoEdits(line, meta, info));
  if (context.method === 'tools/list') edits.push(...toolEdits(line, has('tools')));
  return edits;
}

function infoEdits(line: Buffer, meta: Member, info: string): Edit[] {
  const members = membersOf(line, meta.valueStart);
  if (members.some(({ name }) => name === SERVER_INFO)) return [];
  return [insertMembers(meta.valueStart, info, members.length === 0)];
}

/** Tasks do not cross the eras, so no tool says how it is run as one. */
function toolEdits(line: Buffer, tools: Member | undefined): Edit[] {
  if (!tools || line.indexOf('"execution"', tools.valueStart) < 0) return [];
  return elementsOf(line, tools.valueStart).flatMap(({ start }) =>
    removeMembers(membersOf(line, start), ({ name }) => name === 'execution'),
  );
}

/** "Not found" has another code in the modern era, and names what was not found. */
function errorEdits(line: Buffer, { errorStart }: Envelope, { method, uri }: AnswerContext): Edit[] {
  const members = membersOf(line, errorStart);
  const code = members.find(({ name }) => name === 'code');
  if (!code || line.toString('latin1', code.valueStart, code.end) !== LEGACY_NOT_FOUND) return [];
  const edits: Edit[] = [{ start: code.valueStart, end: code.end, text: String(INVALID_PARAMS) }];
  if (method !== 'resources/read' || uri === undefined) return edits;
  const data = members.find(({ name }) => name === 'data');
  const named = `"uri":${JSON.stringify(uri)}`;
  if (!data) edits.push(insertMembers(errorStart, `"data":{${named}}`, false));
  else if (isObjectAt(line, data.valueStart)) {
    const inner = membersOf(line, data.valueStart);
    if (!inner.some(({ name }) => name === 'uri'))
      edits.push(insertMembers(data.valueStart, named, inner.length === 0));
  }
  return edits;
}
