/** Results of the modern era in the form of the legacy one: what only the modern era has is taken out, the rest passes byte for byte. */
import { type Edit, inOrder } from '../../../jsonrpc/edit.ts';
import type { Envelope } from '../../../jsonrpc/envelope.ts';
import {
  isObjectAt,
  type Member,
  memberNamed,
  membersOf,
  removeMembers,
  stringAt,
} from '../../../jsonrpc/members.ts';

/** A result that is an object, where it stands in its answer. */
export interface ObjectResult {
  readonly line: Buffer;
  readonly start: number;
  readonly members: readonly Member[];
}

/** Keys of `_meta` that belong to the modern era's envelope. */
export const ENVELOPE_KEYS: ReadonlySet<string> = new Set(
  ['protocolVersion', 'clientCapabilities', 'clientInfo', 'logLevel', 'serverInfo', 'subscriptionId'].map(
    (name) => `io.modelcontextprotocol/${name}`,
  ),
);
const CACHEABLE = new Set([
  'server/discover',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
]);

/** Undefined for a result that is no object. */
export function readResult(line: Buffer, { resultStart }: Envelope): ObjectResult | undefined {
  if (!isObjectAt(line, resultStart)) return undefined;
  return { line, start: resultStart, members: membersOf(line, resultStart) };
}

/** `complete` where nothing is said; the raw text where it is no string. */
export function resultType({ line, members }: ObjectResult): string {
  const member = memberNamed(members, 'resultType');
  if (!member) return 'complete';
  return (
    stringAt(line, member.valueStart) ?? line.toString('utf8', member.valueStart, member.end).slice(0, 64)
  );
}

/** Members of a result that no legacy client knows. `_meta` goes when nothing but the modern era's envelope stands in it. */
export function isModernOnly(method: string, { line, members }: ObjectResult): (member: Member) => boolean {
  const cacheable = CACHEABLE.has(method);
  const empty = members.filter((member) => member.name === '_meta' && isEnvelopeOnly(line, member));
  return (member) => {
    const { name } = member;
    if (name === 'ttlMs' || name === 'cacheScope') return cacheable;
    return name === 'resultType' || (name === '_meta' && empty.includes(member));
  };
}

/** The edits that take them out. */
export function stripEdits(method: string, result: ObjectResult): Edit[] {
  const isRemoved = isModernOnly(method, result);
  const meta = memberNamed(result.members, '_meta');
  const edits = removeMembers(result.members, isRemoved);
  return meta && !isRemoved(meta) ? inOrder([...edits, ...metaEdits(result.line, meta.valueStart)]) : edits;
}

/** The edits that take the modern era's envelope out of the `_meta` that begins at `start`. */
export function metaEdits(bytes: Buffer, start: number): Edit[] {
  return removeMembers(membersOf(bytes, start), isEnvelopeKey);
}

/** Whether nothing would be left of this `_meta` without the modern era's envelope. */
export function isEnvelopeOnly(bytes: Buffer, { valueStart }: Pick<Member, 'valueStart'>): boolean {
  const keys = membersOf(bytes, valueStart);
  return keys.length > 0 && keys.every(isEnvelopeKey);
}

function isEnvelopeKey({ name }: Member): boolean {
  return ENVELOPE_KEYS.has(name);
}
