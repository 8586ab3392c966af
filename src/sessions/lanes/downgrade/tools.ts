/** Tools and their results: what a legacy client validates must be an object, in the list and in the answer alike. */
import { type Edit, inOrder } from '../../../jsonrpc/edit.ts';
import {
  elementsOf,
  insertMembers,
  isArrayAt,
  isObjectAt,
  type Member,
  memberNamed,
  membersOf,
  stringAt,
} from '../../../jsonrpc/members.ts';
import { needsWrap, wrapEdits } from './output-schema.ts';
import { type ObjectResult, stripEdits } from './result.ts';

/** Names that are remembered, and letters of one: more than any client could show to a model. */
const MOST_NAMES = 1_000;
const LONGEST_NAME = 256;

/** Names of the tools whose output schema was wrapped for the client. */
export class WrappedTools {
  readonly #names = new Set<string>();

  has(name: string): boolean {
    return this.#names.has(name);
  }

  set(name: string, wrapped: boolean): void {
    if (!wrapped) this.#names.delete(name);
    else if (this.#names.size < MOST_NAMES && name.length <= LONGEST_NAME) this.#names.add(name);
  }
}

/** The edits of a `tools/list` result; what was wrapped is noted in `wrapped`. */
export function toolListEdits(result: ObjectResult, wrapped: WrappedTools): Edit[] {
  const { line, members } = result;
  const tools = memberNamed(members, 'tools');
  const edits = tools
    ? elementsOf(line, tools.valueStart).flatMap(({ start }) => toolEdits(line, start, wrapped))
    : [];
  return inOrder([...stripEdits('tools/list', result), ...edits]);
}

function toolEdits(line: Buffer, start: number, wrapped: WrappedTools): Edit[] {
  const members = membersOf(line, start);
  const schema = memberNamed(members, 'outputSchema');
  const named = memberNamed(members, 'name');
  const name = named && stringAt(line, named.valueStart);
  const wraps =
    schema !== undefined && isObjectAt(line, schema.valueStart) && needsWrap(line, schema.valueStart);
  if (name !== undefined) wrapped.set(name, wraps);
  return wraps ? wrapEdits(line, schema) : [];
}

/** The edits of a `tools/call` result. `wrapped`: the client was shown the tool's output as an object's property `result`. */
export function toolResultEdits(result: ObjectResult, wrapped: boolean): Edit[] {
  const { line, members } = result;
  const value = memberNamed(members, 'structuredContent');
  const strip = stripEdits('tools/call', result);
  if (!value || (isObjectAt(line, value.valueStart) && !wrapped)) return strip;
  const text = line.toString('utf8', value.valueStart, value.end);
  return inOrder([
    { start: value.valueStart, end: value.valueStart, text: '{"result":' },
    { start: value.end, end: value.end, text: '}' },
    ...textEdits(result, text),
    ...strip,
  ]);
}

/** Clients that do not read structured content find it as a text, unless the server has written one. */
function textEdits(result: ObjectResult, value: string): Edit[] {
  const { line, members, start } = result;
  const block = `{"type":"text","text":${JSON.stringify(value)}}`;
  const content = memberNamed(members, 'content');
  // structuredContent stands in the object too, so it is never empty.
  if (!content) return [insertMembers(start, `"content":[${block}]`, false)];
  if (!isArrayAt(line, content.valueStart)) return [];
  const blocks = elementsOf(line, content.valueStart);
  if (blocks.some((one) => isText(line, membersOf(line, one.start)))) return [];
  const end = blocks.at(-1)?.end;
  return end === undefined
    ? [{ start: content.valueStart + 1, end: content.valueStart + 1, text: block }]
    : [{ start: end, end, text: `,${block}` }];
}

function isText(line: Buffer, block: readonly Member[]): boolean {
  const type = memberNamed(block, 'type');
  return type !== undefined && stringAt(line, type.valueStart) === 'text';
}
