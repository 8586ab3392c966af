/**
 * Sets a value in the text of a JSON file with comments. The library's own edits lay out anew what stands beside them; these
 * touch nothing but the value.
 */
import { isDeepStrictEqual } from 'node:util';
import { createScanner, findNodeAtLocation, type JSONPath, type Node, parse, parseTree } from 'jsonc-parser';
import { BerthError } from '../errors.ts';

interface Layout {
  /** One step of indentation. */
  readonly unit: string;
  readonly eol: string;
}

/** The text with the value at the path; a path that ends with the length of a list adds to it. The text must be valid. */
export function setInText(text: string, path: JSONPath, value: unknown): string {
  const layout = layoutOf(text);
  const root = parseTree(text, [], { allowTrailingComma: true });
  if (!root) throw new BerthError('bad-input', 'the file holds no settings');
  const there = findNodeAtLocation(root, path);
  if (there && isDeepStrictEqual(parse(text.slice(there.offset, there.offset + there.length)), value))
    return text;
  if (there) return replaced(text, there, written(value, indentOf(text, there.offset), layout));
  const depth = deepest(root, path);
  const parent = depth === 0 ? root : findNodeAtLocation(root, path.slice(0, depth));
  const nested = path.slice(depth + 1).reduceRight<unknown>((inner, part) => ({ [part]: inner }), value);
  const key = path[depth];
  if (parent?.type === 'object' || (parent?.type === 'array' && typeof key === 'number'))
    return inserted(text, parent, { key: typeof key === 'string' ? key : undefined, value: nested, layout });
  // What is in the way (null, mostly) holds nothing of its own.
  if (parent?.type === 'null')
    return replaced(text, parent, written({ [String(key)]: nested }, indentOf(text, parent.offset), layout));
  throw new BerthError('bad-input', `${path.slice(0, depth).join('.')} is no object in the file`, {
    hint: 'Correct the file by hand: it was left as it is.',
  });
}

/** How many parts of the path are there. */
function deepest(root: Node, path: JSONPath): number {
  for (let depth = path.length - 1; depth > 0; depth--)
    if (findNodeAtLocation(root, path.slice(0, depth))) return depth;
  return 0;
}

interface Insertion {
  /** Absent for an item of a list. */
  readonly key: string | undefined;
  readonly value: unknown;
  readonly layout: Layout;
}

function inserted(text: string, parent: Node, { key, value, layout }: Insertion): string {
  const { unit, eol } = layout;
  const outer = indentOf(text, parent.offset);
  const name = key === undefined ? '' : `${JSON.stringify(key)}: `;
  const last = parent.children?.at(-1);
  const end = parent.offset + parent.length - 1;
  if (!last) {
    const inner = outer + unit;
    // A comment may be all that stands between the braces.
    const kept = text.slice(parent.offset + 1, end).trimEnd();
    const member = `${eol}${inner}${name}${written(value, inner, layout)}${eol}${outer}`;
    return splice(text, parent.offset + 1, end, `${kept}${member}`);
  }
  const lastEnd = last.offset + last.length;
  const isOneLine = !text.slice(parent.offset, lastEnd).includes('\n');
  if (isOneLine) return splice(text, lastEnd, lastEnd, `, ${name}${JSON.stringify(value)}`);
  const inner = indentOf(text, last.offset);
  const member = `${eol}${inner}${name}${written(value, inner, layout)}`;
  const comma = commaAfter(text, lastEnd, end);
  const lineEnd = restIsComment(text, comma ?? lastEnd, end);
  if (comma !== undefined) return splice(text, lineEnd, lineEnd, `${member},`);
  return `${text.slice(0, lastEnd)},${text.slice(lastEnd, lineEnd)}${member}${text.slice(lineEnd)}`;
}

/** Behind the trailing comma; undefined without one. */
function commaAfter(text: string, from: number, to: number): number | undefined {
  const scanner = createScanner(text.slice(from, to), true);
  scanner.scan();
  const at = from + scanner.getTokenOffset();
  return at < to && text[at] === ',' ? at + 1 : undefined;
}

/** Where the line ends, when only blanks and a comment stand in the rest of it; else where it began. */
function restIsComment(text: string, from: number, to: number): number {
  const rest = /^[ \t]*(\/\/[^\r\n]*|\/\*[^\r\n]*?\*\/[ \t]*)?(?=\r?\n)/.exec(text.slice(from, to + 1));
  return rest ? from + rest[0].length : from;
}

function written(value: unknown, indent: string, { unit, eol }: Layout): string {
  return JSON.stringify(value, null, unit).replaceAll('\n', `${eol}${indent}`);
}

function replaced(text: string, { offset, length }: Node, value: string): string {
  return splice(text, offset, offset + length, value);
}

function splice(text: string, from: number, to: number, value: string): string {
  return text.slice(0, from) + value + text.slice(to);
}

/** The blanks at the begin of the line. */
function indentOf(text: string, offset: number): string {
  const lineStart = text.lastIndexOf('\n', offset - 1) + 1;
  return /^[ \t]*/.exec(text.slice(lineStart, offset))?.[0] ?? '';
}

function layoutOf(text: string): Layout {
  const unit = /^[ \t]*\S.*\r?\n([ \t]+)\S/m.exec(text)?.[1] ?? '  ';
  return { unit: unit.startsWith('\t') ? '\t' : unit, eol: text.includes('\r\n') ? '\r\n' : '\n' };
}
