/** Search in a list of hundreds of thousands of names without an index of its own: one pass of uFuzzy, which forgives a typing error. */
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
/** Above it only names that begin alike are ranked; more would not be looked at. */
const RANKED = 1_000;

export class NameSearch {
  readonly count: number;
  readonly #all: string[];
  readonly #mcp: string[];
  readonly #fuzzy = new UFuzzy({ intraMode: 1, intraIns: 1 });

  /** `names` are sorted. */
  constructor(names: string[]) {
    this.#all = names;
    this.#mcp = names.filter((name) => MCP_NAME.test(name));
    this.count = names.length;
  }

  find({ words, exact, limit }: NameQuery): NamesFound {
    const hasExact = exact !== undefined && this.#has(exact);
    if (words.length === 0) return { mcp: this.#mcp.slice(0, limit), others: [], exact: hasExact };
    const mcp = this.#ofWords(words, limit);
    const taken = new Set(mcp);
    const others = this.#search(this.#all, words.join(' '), limit + mcp.length).filter(
      (name) => !taken.has(name),
    );
    return { mcp, others: others.slice(0, limit), exact: hasExact };
  }

  /** All of the words first; where that finds little, any of them. */
  #ofWords(words: readonly string[], limit: number): string[] {
    const found = new Set(this.#search(this.#mcp, words.join(' '), limit));
    if (words.length > 1 && found.size < limit)
      for (const word of words) for (const name of this.#search(this.#mcp, word, limit)) found.add(name);
    return [...found].slice(0, limit);
  }

  #search(names: string[], needle: string, limit: number): string[] {
    const [found, info, order] = this.#fuzzy.search(names, needle, 3, RANKED);
    if (found === null) return [];
    const positions = info && order ? order.map((at) => info.idx[at] ?? -1) : found;
    return positions.slice(0, limit).flatMap((at) => names[at] ?? []);
  }

  #has(name: string): boolean {
    let low = 0;
    let high = this.#all.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#all[middle] ?? '') < name) low = middle + 1;
      else high = middle;
    }
    return this.#all[low] === name;
  }
}
