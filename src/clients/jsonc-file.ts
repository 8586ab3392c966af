/** JSON with comments and trailing commas, as editors and many clients have it. */
import { applyEdits, modify, type ParseError, parse, printParseErrorCode } from 'jsonc-parser';
import { BerthError } from '../errors.ts';
import type { Edit } from './client.ts';
import { setInText } from './jsonc-text.ts';
import { listChange, memberOf } from './list-edit.ts';

const EMPTY = '{}\n';
/** The byte order mark that some editors begin a file with. */
const MARK = '\uFEFF';

/** Throws `bad-input`, with the line. An empty text is an empty object. */
export function parseJsonc(text: string): unknown {
  if (text.trim() === '') return {};
  const errors: ParseError[] = [];
  const value: unknown = parse(text.replace(MARK, ' '), errors, { allowTrailingComma: true });
  const [first] = errors;
  if (!first) return value;
  const line = text.slice(0, first.offset).split('\n').length;
  throw new BerthError(
    'bad-input',
    `the file is no JSON: line ${line}, ${printParseErrorCode(first.error)}`,
    {
      hint: 'Correct the file by hand: it was left as it is.',
    },
  );
}

/** Changes one value, in the file's own indentation and line ends. */
export function editJsonc(text: string, edit: Edit): string {
  return text.startsWith(MARK) ? `${MARK}${edited(text.slice(MARK.length), edit)}` : edited(text, edit);
}

function edited(text: string, edit: Edit): string {
  const source = text.trim() === '' ? EMPTY : text;
  const file = parseJsonc(source);
  const { path, value, listKey } = edit;
  if (listKey === undefined)
    return value === undefined ? without(source, path) : setInText(source, [...path], value);
  const found = path.reduce<unknown>(memberOf, file);
  const items: readonly unknown[] = Array.isArray(found) ? found : [];
  const { at, item } = listChange(items, edit);
  if (!item) return at < 0 ? source : without(source, [...path, at]);
  if (!Array.isArray(found)) return setInText(source, [...path], [item]);
  return setInText(source, [...path, at < 0 ? items.length : at], item);
}

function without(text: string, path: readonly (string | number)[]): string {
  return applyEdits(text, modify(text, [...path], undefined, {}));
}
