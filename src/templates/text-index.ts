/** Ranks short documents by their terms. What each term is worth in each document (BM25+) is worked out when the index is made. */
import SearchableMap from 'minisearch/SearchableMap';
import { tokenize, toTerm } from './search-words.ts';

/** Of BM25+, the usual values: how soon repetition counts no more, how much the length of a field matters, the least that a term is worth. */
const SATURATION = 1.2;
const LENGTH = 0.7;
const LEAST = 0.5;
/** Characters from which on a term is completed, and from which on wrong letters are forgiven: this share of its own, and no more than these. */
const PREFIX_FROM = 3;
const FUZZY_FROM = 5;
const FUZZY = 0.2;
const MOST_WRONG = 6;
/** Of a term that was completed, and of one with wrong letters: less with each letter that is missing or wrong. */
const PREFIX_WEIGHT = 0.3;
const PREFIX_LOSS = 0.3;
const FUZZY_WEIGHT = 0.2;
/** So many documents with every term are enough: what has only some of the terms is not worth ranking then. */
const ENOUGH = 50;

/** What holds a term, by its place, and what the term is worth there. */
interface Postings {
  readonly places: Uint32Array;
  readonly scores: Float64Array;
}

export class TextIndex<Field extends string> {
  readonly #size: number;
  readonly #postings = new SearchableMap<Postings>();

  /** `boosts`: how much each field counts. */
  constructor(
    documents: readonly Readonly<Record<Field, string>>[],
    boosts: Readonly<Record<Field, number>>,
  ) {
    this.#size = documents.length;
    const worth = new Map<string, Map<number, number>>();
    for (const field of Object.keys(boosts) as Field[]) {
      const texts = documents.map((document) => document[field]);
      addWorth(worth, texts, boosts[field]);
    }
    for (const [term, scores] of worth) {
      const postings = {
        places: Uint32Array.from(scores.keys()),
        scores: Float64Array.from(scores.values()),
      };
      this.#postings.set(term, postings);
    }
  }

  /** The score of each document, by its place: the more, the more of the terms it holds. 0 for what is not found. */
  search(terms: readonly string[]): Float64Array {
    const known = terms.filter((term) => toTerm(term) !== null);
    const scores = new Float64Array(this.#size);
    const held = new Uint16Array(this.#size);
    const last = new Uint16Array(this.#size);
    known.forEach((term, index) => {
      for (const [{ places, scores: worth }, weight] of this.#like(term)) {
        // Without iterators: a common term is in thousands of documents.
        for (let at = 0; at < places.length; at += 1) {
          const place = places[at] as number;
          scores[place] = (scores[place] as number) + (worth[at] as number) * weight;
          if (last[place] === index + 1) continue;
          last[place] = index + 1;
          held[place] = (held[place] as number) + 1;
        }
      }
    });
    const complete = held.reduce((count, terms) => (terms === known.length ? count + 1 : count), 0);
    const needed = complete >= ENOUGH ? known.length : 1;
    return scores.map((score, place) => {
      const terms = held[place] as number;
      return terms >= needed ? score * terms : 0;
    });
  }

  /** The term itself, those that begin with it and those that it is a misspelling of, with what they count. */
  *#like(term: string): Generator<readonly [Postings, number], void> {
    const exact = this.#postings.get(term);
    if (exact) yield [exact, 1];
    const wrong = Math.min(MOST_WRONG, Math.round(term.length * FUZZY));
    const misspelt = term.length >= FUZZY_FROM ? this.#postings.fuzzyGet(term, wrong) : undefined;
    if (term.length >= PREFIX_FROM)
      for (const [longer, postings] of this.#postings.atPrefix(term)) {
        if (longer === term) continue;
        misspelt?.delete(longer);
        const { length } = longer;
        yield [postings, (PREFIX_WEIGHT * length) / (length + PREFIX_LOSS * (length - term.length))];
      }
    for (const [other, [postings, distance]] of misspelt ?? [])
      if (distance > 0) yield [postings, (FUZZY_WEIGHT * other.length) / (other.length + distance)];
  }
}

/** Adds what each term is worth in one field of the documents. */
function addWorth(worth: Map<string, Map<number, number>>, texts: readonly string[], boost: number): void {
  const words = texts.map(tokenize);
  const lengths = words.map((own) => new Set(own).size);
  const average = lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
  for (const [term, counts] of countTerms(words)) {
    const scores = worth.get(term) ?? new Map<number, number>();
    worth.set(term, scores);
    const rarity = Math.log(1 + (texts.length - counts.size + 0.5) / (counts.size + 0.5));
    for (const [place, count] of counts) {
      const damping = SATURATION * (1 - LENGTH + (LENGTH * (lengths[place] ?? 0)) / average);
      const score = rarity * (LEAST + (count * (SATURATION + 1)) / (count + damping));
      scores.set(place, (scores.get(place) ?? 0) + boost * score);
    }
  }
}

/** How often each term is in each of the texts, by its place. */
function countTerms(texts: readonly (readonly string[])[]): Map<string, Map<number, number>> {
  const found = new Map<string, Map<number, number>>();
  for (const [place, words] of texts.entries())
    for (const word of words) {
      const term = toTerm(word);
      if (term === null) continue;
      const counts = found.get(term) ?? new Map<number, number>();
      found.set(term, counts.set(place, (counts.get(place) ?? 0) + 1));
    }
  return found;
}
