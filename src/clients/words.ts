/** A command that was written as one line, as its words. No shell ever sees it: what only a shell could do is refused by its name. */
import { BerthError } from '../errors.ts';

const OPERATORS: readonly (readonly [RegExp, string])[] = [
  [/^&&/, '&&'],
  [/^\|\|/, '||'],
  [/^\|/, '| (a pipe)'],
  [/^&/, '& (in the background)'],
  [/^;/, ';'],
  [/^>/, '> (into a file)'],
  [/^</, '< (from a file)'],
  [/^`/, '` (the output of a command)'],
  [/^\$\(/, '$(…) (the output of a command)'],
  [/^[\r\n]/, 'a line break'],
  [/^[()]/, '( ) (a subshell)'],
];

/** Within double quotes only these mean something to a shell. */
const QUOTED_OPERATORS = OPERATORS.filter(([, name]) => name.startsWith('`') || name.startsWith('$('));

/**
 * Words parted by blanks; single quotes, double quotes and backslashes as in a POSIX shell. Variables, `~` and patterns stay as
 * they are written. Throws `bad-input` for a shell's operators and for a quote without its end.
 */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < line.length; ) {
    const char = line[at] as string;
    if (char === ' ' || char === '\t') {
      if (word !== undefined) words.push(word);
      word = undefined;
      at++;
      continue;
    }
    const { text, end } = piece(line, at);
    word = (word ?? '') + text;
    at = end;
  }
  if (word !== undefined) words.push(word);
  return words;
}

interface Piece {
  readonly text: string;
  readonly end: number;
}

function piece(line: string, at: number): Piece {
  const char = line[at] as string;
  if (char === "'") return singleQuoted(line, at);
  if (char === '"') return doubleQuoted(line, at);
  if (char === '\\') return escaped(line, at);
  refuseOperator(line, at, OPERATORS);
  return { text: char, end: at + 1 };
}

function singleQuoted(line: string, at: number): Piece {
  const close = line.indexOf("'", at + 1);
  if (close < 0) throw openQuote("'");
  return { text: line.slice(at + 1, close), end: close + 1 };
}

function doubleQuoted(line: string, from: number): Piece {
  let text = '';
  for (let at = from + 1; at < line.length; at++) {
    const char = line[at] as string;
    if (char === '"') return { text, end: at + 1 };
    if (char === '\\' && /["\\$`]/.test(line[at + 1] ?? '')) text += line[++at];
    else {
      refuseOperator(line, at, QUOTED_OPERATORS);
      text += char;
    }
  }
  throw openQuote('"');
}

function escaped(line: string, at: number): Piece {
  const next = line[at + 1];
  if (next === undefined) throw new BerthError('bad-input', 'the command ends with a backslash');
  return { text: next, end: at + 2 };
}

function refuseOperator(line: string, at: number, operators: typeof OPERATORS): void {
  const rest = line.slice(at, at + 2);
  const found = operators.find(([operator]) => operator.test(rest));
  if (!found) return;
  throw new BerthError('bad-input', `the command has ${found[1]}, which only a shell understands`, {
    hint: 'Give one program and its arguments, or put the rest into a script and name that.',
  });
}

function openQuote(quote: string): BerthError {
  return new BerthError('bad-input', `the command has a ${quote} without its end`);
}
