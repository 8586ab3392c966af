/**
 * Search in a list of hundreds of thousands of names: one text, a name a line, scanned for whole words; uFuzzy ranks what is found,
 * and forgives a typing error in the few names that say MCP. An index would cost ten times the memory.
 */
import UFuzzy from '@leeoniya/ufuzzy';

export interface NameQuery {
  readonly words: readonly string[];
  /** A name that comes first when it is there. */
  readonly exact?: string;
  readonly limit: number;
}

export interface NamesFound {
  /** Names that say MCP, best first. */
  readonly mcp: readonly string[];
  /** Others, best first. */
  readonly others: readonly string[];
  readonly exact: boolean;
}

const MCP_NAME = /(?:^|-)(?:mcp|fastmcp|modelcontextprotocol)(?:-|$)|^mcp|mcp$/;
/** What every {@link MCP_NAME} has. */
const MCP_PARTS = ['mcp', 'modelcontextprotocol'];
/** A word that is in everything is looked for no further. */
const MAX_CANDIDATES = 300;
/** As many as an index could ever have of them. */
const MAX_MCP = 200_000;
/** A single letter finds nothing that anybody meant. */
const MIN_CHARS = 2;

export class NameSearch {
  readonly count: number;
  readonly #text: string;
  readonly #mcp: string[];
  readonly #fuzzy = new UFuzzy({ intraMode: 1, intraIns: 1 });

  /** `text`: as {@link toNameText} makes it. */
  constructor(text: string) {
    this.#text = text;
    const found = new Set<string>();
    for (const part of MCP_PARTS) this.#scan(part, { words: [], most: MAX_MCP, found });
    this.#mcp = [...found].filter((name) => MCP_NAME.test(name)).sort();
    this.count = countLines(text);
  }

  find({ words, exact, limit }: NameQuery): NamesFound {
    const hasExact = exact !== undefined && this.#text.includes(`\n${exact}\n`);
    if (words.length === 0) return { mcp: this.#mcp.slice(0, limit), others: [], exact: hasExact };
    const mcp = this.#ofWords(words, limit);
    const taken = new Set(mcp);
    const candidates = this.#linesWith(words).filter((name) => !taken.has(name));
    return { mcp, others: this.#rank(candidates, words.join(' '), limit), exact: hasExact };
  }

  /** All of the words first; where that finds little, any of them. */
  #ofWords(words: readonly string[], limit: number): string[] {
    const found = new Set(this.#rank(this.#mcp, words.join(' '), limit));
    if (words.length > 1 && found.size < limit)
      for (const word of words) for (const name of this.#rank(this.#mcp, word, limit)) found.add(name);
    return [...found].slice(0, limit);
  }

  #rank(names: string[], needle: string, limit: number): string[] {
    const [found, info, order] = this.#fuzzy.search(names, needle, 3, MAX_CANDIDATES);
    if (found === null) return [];
    const positions = info && order ? order.map((at) => info.idx[at] ?? -1) : found;
    return positions.slice(0, limit).flatMap((at) => names[at] ?? []);
  }

  /** Names with all of the words: those that begin with the longest, then the others, as far as they are wanted. */
  #linesWith(words: readonly string[]): string[] {
    const longest = words.reduce((a, b) => (b.length > a.length ? b : a));
    if (longest.length < MIN_CHARS) return [];
    const found = new Set<string>();
    for (const needle of [`\n${longest}`, longest])
      this.#scan(needle, { words, most: MAX_CANDIDATES, found });
    return [...found];
  }

  #scan(needle: string, { words, most, found }: Scan): void {
    const text = this.#text;
    for (let at = text.indexOf(needle); at !== -1 && found.size < most; ) {
      const from = needle.startsWith('\n') ? at + 1 : text.lastIndexOf('\n', at) + 1;
      const to = text.indexOf('\n', at + 1);
      const name = text.slice(from, to);
      if (words.every((word) => name.includes(word))) found.add(name);
      at = text.indexOf(needle, to);
    }
  }
}

interface Scan {
  /** What a name must have beside the needle. */
  readonly words: readonly string[];
  readonly most: number;
  readonly found: Set<string>;
}

/** A name a line, with a line break before the first, too. */
export function toNameText(names: readonly string[]): string {
  return `\n${names.join('\n')}\n`;
}

function countLines(text: string): number {
  let lines = 0;
  for (let at = text.indexOf('\n', 1); at !== -1; at = text.indexOf('\n', at + 1)) lines++;
  return text === toNameText([]) ? 0 : lines;
}
