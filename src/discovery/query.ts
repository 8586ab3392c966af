/** From what somebody typed to words, qualifiers and a name. */
import { BerthError } from '../errors.ts';
import type { Ecosystem } from '../packages/package.ts';
import { checkPackageSource } from '../packages/package-source.ts';
import type { Query } from './found.ts';

const MAX_CHARS = 200;
const QUALIFIER = /^(author|maintainer|keywords|scope|classifier|is|not):(?:"([^"]+)"|(\S+))$/;
/** What stands between spaces; a value in quotes may have some. */
const PART = /[a-z]+:"[^"]*"|\S+/g;
const REFERENCE = /^(?:(npm|pypi):)?(@?[A-Za-z0-9][A-Za-z0-9._~-]*(?:\/[A-Za-z0-9][A-Za-z0-9._~-]*)?)$/;
/** Words that stand in every sentence and in no name. */
const FILLERS: ReadonlySet<string> = new Set(
  'a an and at by can do find for from get how i in into is it me my need of on or that the them this to use want with'.split(
    ' ',
  ),
);
/** Said by every server of the kind that is searched for. */
const COMMONPLACE: ReadonlySet<string> = new Set(['mcp', 'server', 'servers']);

/** Throws `bad-input` for text that is too long or has control characters. */
export function parseQuery(input: string): Query {
  const text = input.trim();
  if (text.length > MAX_CHARS) throw fault(`is longer than ${MAX_CHARS} characters`);
  if (/[\p{Cc}\p{Cs}]/u.test(text)) throw fault('has control characters');
  const qualifiers = new Map<string, string>();
  const plain: string[] = [];
  for (const part of text.match(PART) ?? []) {
    const [, name, quoted, bare] = QUALIFIER.exec(part) ?? [];
    const value = quoted ?? bare;
    if (name !== undefined && value !== undefined) qualifiers.set(name, value);
    else plain.push(part);
  }
  const exact = qualifiers.size === 0 && plain.length === 1 ? exactName(plain[0] ?? '') : undefined;
  return { text, words: wordsOf(plain.join(' ')), qualifiers, ...(exact && { exact }) };
}

/** The words of a name or a text, in lower case. */
export function tokens(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}

/** Filler words go, unless nothing else is left. */
function wordsOf(text: string): string[] {
  const all = [...new Set(tokens(text.replace(/^(?:npm|pypi):/, '')))];
  const meant = all.filter((word) => !FILLERS.has(word));
  const rare = meant.filter((word) => !COMMONPLACE.has(word));
  return rare.length > 0 ? rare : meant.length > 0 ? meant : all;
}

function exactName(text: string): Query['exact'] {
  const [, prefix, name] = REFERENCE.exec(text) ?? [];
  if (name === undefined) return undefined;
  if (prefix === 'npm' || prefix === 'pypi') {
    return isName(prefix, name) ? { ecosystem: prefix, name } : undefined;
  }
  if (name.startsWith('@')) return isName('npm', name) ? { ecosystem: 'npm', name } : undefined;
  return isName('npm', name) || isName('pypi', name) ? { name } : undefined;
}

export function isName(ecosystem: Ecosystem, name: string): boolean {
  try {
    checkPackageSource({ ecosystem, name });
    return true;
  } catch {
    return false;
  }
}

function fault(detail: string): BerthError {
  return new BerthError('bad-input', `the query ${detail}`, { fields: [{ pointer: '?q', detail }] });
}
