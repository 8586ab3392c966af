/** Flags in the manner of yargs, which both older bridges use: `--name value`, `--name=value`, `--no-name`, lists, kebab or camel case. */
import { BerthError } from '../../errors.ts';

export type FlagKind = 'text' | 'number' | 'switch' | 'list';

export interface ParsedFlags {
  readonly texts: ReadonlyMap<string, string>;
  readonly numbers: ReadonlyMap<string, number>;
  readonly switches: ReadonlyMap<string, boolean>;
  readonly lists: ReadonlyMap<string, readonly string[]>;
  /** What is no flag, and all behind `--`. */
  readonly words: readonly string[];
}

export interface FlagGrammar {
  readonly kinds: Readonly<Record<string, FlagKind>>;
  /** The first word that is no flag ends them: what follows is a command. */
  readonly stopsAtWord: boolean;
}

/** Throws `bad-input` for a flag that the grammar does not know. */
export function parseFlags(argv: readonly string[], { kinds, stopsAtWord }: FlagGrammar): ParsedFlags {
  const texts = new Map<string, string>();
  const numbers = new Map<string, number>();
  const switches = new Map<string, boolean>();
  const lists = new Map<string, string[]>();
  const words: string[] = [];
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] as string;
    if (word === '--') return { texts, numbers, switches, lists, words: [...words, ...argv.slice(at + 1)] };
    if (!word.startsWith('--')) {
      if (stopsAtWord) return { texts, numbers, switches, lists, words: argv.slice(at) };
      words.push(word);
      continue;
    }
    const { name, inline, negated } = nameOf(word, kinds);
    const kind = kinds[name];
    if (kind === undefined) throw new BerthError('bad-input', `there is no flag --${name}`);
    if (kind === 'switch') switches.set(name, negated ? false : inline !== 'false');
    else if (kind === 'list') {
      const list = lists.get(name) ?? [];
      lists.set(name, list);
      if (inline !== undefined) list.push(inline);
      else
        while (argv[at + 1] !== undefined && !argv[at + 1]?.startsWith('-')) list.push(argv[++at] as string);
    } else {
      const value = inline ?? argv[++at];
      if (value === undefined) throw new BerthError('bad-input', `--${name} needs a value`);
      if (kind === 'text') texts.set(name, value);
      else numbers.set(name, toNumber(name, value));
    }
  }
  return { texts, numbers, switches, lists, words };
}

function nameOf(
  word: string,
  kinds: FlagGrammar['kinds'],
): { name: string; inline?: string; negated: boolean } {
  const [, raw = '', inline] = /^--([^=]*)(?:=([\s\S]*))?$/.exec(word) ?? [];
  const camel = toCamel(raw);
  const negated = kinds[camel] === undefined && /^no[-A-Z]/.test(raw);
  const name = negated ? toCamel(raw.replace(/^no-?/, '')) : camel;
  return {
    name: name.charAt(0).toLowerCase() + name.slice(1),
    negated,
    ...(inline !== undefined && { inline }),
  };
}

function toCamel(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function toNumber(name: string, text: string): number {
  const value = Number(text);
  if (/^\d{1,12}$/.test(text)) return value;
  throw new BerthError('bad-input', `--${name} must be a whole number, not ${JSON.stringify(text)}`);
}
