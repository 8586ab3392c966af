/**
 * Output schemas whose root is no object: the legacy era wants one, so the schema becomes the one property `result` of an
 * object, and what it says of itself by reference is pointed to its new place.
 */
import type { Edit } from '../../../jsonrpc/edit.ts';
import {
  elementsOf,
  isArrayAt,
  isObjectAt,
  type Member,
  memberNamed,
  membersOf,
  stringAt,
} from '../../../jsonrpc/members.ts';

const PLACE = '#/properties/result';
/** Keywords whose values are data, not schemas. */
const DATA = new Set(['const', 'enum', 'default', 'examples']);
/** Keywords whose members are named by the author, and schemas. */
const NAMED = new Set([
  'properties',
  'patternProperties',
  '$defs',
  'definitions',
  'dependentSchemas',
  'dependencies',
]);
const REFERENCES = new Set(['$ref', '$dynamicRef']);
/** Deeper references stay as they are: no schema of a tool goes there, and a hostile one shall not use up the stack. */
const DEEPEST = 128;

/** Whether the schema in `[start, …)` has to be wrapped for a legacy client. */
export function needsWrap(bytes: Buffer, start: number): boolean {
  const type = memberNamed(membersOf(bytes, start), 'type');
  return type === undefined || stringAt(bytes, type.valueStart) !== 'object';
}

/** The edits that wrap the schema of a member. */
export function wrapEdits(bytes: Buffer, { valueStart, end }: Member): Edit[] {
  const members = membersOf(bytes, valueStart);
  const dialect = memberNamed(members, '$schema');
  const named = dialect ? `${bytes.toString('utf8', dialect.start, dialect.end)},` : '';
  return [
    { start: valueStart, end: valueStart, text: `{${named}"type":"object","properties":{"result":` },
    ...schemaEdits(bytes, valueStart, 0),
    { start: end, end, text: '},"required":["result"]}' },
  ];
}

function schemaEdits(bytes: Buffer, start: number, depth: number): Edit[] {
  if (depth > DEEPEST) return [];
  if (isArrayAt(bytes, start))
    return elementsOf(bytes, start).flatMap((element) => schemaEdits(bytes, element.start, depth + 1));
  if (!isObjectAt(bytes, start)) return [];
  const members = membersOf(bytes, start);
  // References inside are resolved against the base that the schema sets itself, wherever it stands.
  if (setsBase(bytes, memberNamed(members, '$id'))) return [];
  return members.flatMap((member) => keywordEdits(bytes, member, depth));
}

function keywordEdits(bytes: Buffer, { name, valueStart, end }: Member, depth: number): Edit[] {
  if (REFERENCES.has(name)) return referenceEdits(bytes, valueStart, end);
  if (DATA.has(name)) return [];
  if (NAMED.has(name) && isObjectAt(bytes, valueStart))
    return membersOf(bytes, valueStart).flatMap((named) => schemaEdits(bytes, named.valueStart, depth + 1));
  return schemaEdits(bytes, valueStart, depth + 1);
}

/** `#` and `#/…` are meant from the root; an anchor is found wherever it stands. */
function referenceEdits(bytes: Buffer, start: number, end: number): Edit[] {
  const reference = stringAt(bytes, start);
  if (reference !== '#' && !reference?.startsWith('#/')) return [];
  return [{ start, end, text: JSON.stringify(PLACE + reference.slice(1)) }];
}

/** An id that is a fragment only is an older way to write an anchor. */
function setsBase(bytes: Buffer, id: Member | undefined): boolean {
  return id !== undefined && !stringAt(bytes, id.valueStart)?.startsWith('#');
}
