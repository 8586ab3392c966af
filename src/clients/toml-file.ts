/**
 * TOML files of clients. The library reads and writes them but keeps no comments, so a server's tables are changed in the text
 * itself, and what came out is read again: anything but the one server must be what it was.
 */
import { isDeepStrictEqual } from 'node:util';
import { parse, stringify } from 'smol-toml';
import { BerthError } from '../errors.ts';
import type { Edit, Entry } from './client.ts';
import { memberOf } from './list-edit.ts';

/** Throws `bad-input`. */
export function parseTomlFile(text: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    throw new BerthError('bad-input', 'the file is no TOML', {
      cause,
      hint: 'Correct the file by hand: it was left as it is.',
    });
  }
}

/** Sets or takes out the table at a path of two parts. Throws `bad-input` where the file is written in a way that cannot be kept. */
export function editToml(text: string, { path, value }: Edit): string {
  const before = parseTomlFile(text) as Entry;
  const kept = withoutTable(text, path);
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  const table = value === undefined ? '' : tableText(path, value as Entry).replaceAll('\n', eol);
  const gap = kept === '' || table === '' ? '' : kept.endsWith(eol) ? eol : eol + eol;
  const edited = `${kept}${gap}${table}`;
  if (!isSame(rest(parseTomlFile(edited) as Entry, path), rest(before, path)) || !holds(edited, path, value))
    throw new BerthError(
      'bad-input',
      `the file has ${path[0]} in a form that cannot be edited without a loss`,
      {
        hint: 'Put what is printed without --write into the file by hand.',
      },
    );
  return edited;
}

function tableText(path: readonly string[], value: Entry): string {
  const nested = path.reduceRight<Entry>((inner, part) => ({ [part]: inner }), value);
  // The library writes a header for each level; those that only hold the next one say nothing.
  return stringify(nested)
    .replace(/^\[[^\]]*\]\n(?=\[)/gm, '')
    .replace(/^\n+/, '');
}

/** Without the lines from the table's header to the next table that is not below it. */
function withoutTable(text: string, path: readonly string[]): string {
  const lines = text.split(/(?<=\n)/);
  let inside = false;
  let open = '';
  const kept = lines.filter((line) => {
    // A header inside a text of several lines is none.
    if (open !== '') {
      if (line.includes(open)) open = '';
      return !inside;
    }
    const header = /^\s*\[\[?([^\]]+)\]\]?\s*(#.*)?\r?\n?$/.exec(line)?.[1];
    if (header !== undefined) inside = isBelow(keysOf(header), path);
    else open = openedBy(line);
    return !inside;
  });
  const joined = kept.join('');
  return joined === text ? text : joined.replace(/(\r?\n){3,}$/, '$1');
}

function openedBy(line: string): string {
  for (const mark of ['"""', "'''"]) if (line.split(mark).length % 2 === 0) return mark;
  return '';
}

/** `a."b c".d` as its parts. */
function keysOf(header: string): string[] {
  return [...header.matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+)/g)].map(
    ([, basic, literal, bare]) => bare ?? literal ?? (JSON.parse(`"${basic ?? ''}"`) as string),
  );
}

function isBelow(keys: readonly string[], path: readonly string[]): boolean {
  return path.every((part, index) => keys[index] === part);
}

/** The file without the one server. */
function rest(file: Entry, [table = '', name = '']: readonly string[]): Entry {
  const servers = memberOf(file, table);
  if (typeof servers !== 'object' || servers === null) return { ...file, [table]: {} };
  const { [name]: _gone, ...others } = servers as Entry;
  return { ...file, [table]: others };
}

function holds(text: string, path: readonly string[], value: unknown): boolean {
  const found = path.reduce<unknown>(memberOf, parseTomlFile(text));
  return value === undefined ? found === undefined : isSame(found, value);
}

/** The library's objects have no prototype, and its dates are its own. */
function isSame(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b)));
}
