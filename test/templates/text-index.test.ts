/** The index against the library whose scores it works out beforehand. */
import fc from 'fast-check';
import MiniSearch from 'minisearch';
import { describe, expect, it } from 'vitest';
import { tokenize, toTerm } from '../../src/templates/search-words.ts';
import { TextIndex } from '../../src/templates/text-index.ts';

const BOOSTS = { title: 5, text: 2 };
type Document = Record<keyof typeof BOOSTS, string>;

/** What it has to find, by place: with every term if fifty documents have them, else with any. */
function expected(documents: readonly Document[], terms: readonly string[]): number[] {
  const text = new MiniSearch<Document & { readonly id: number }>({
    fields: Object.keys(BOOSTS),
    tokenize,
    processTerm: toTerm,
    searchOptions: {
      boost: BOOSTS,
      prefix: (term) => term.length >= 3,
      fuzzy: (term) => (term.length >= 5 ? 0.2 : false),
      weights: { prefix: 0.3, fuzzy: 0.2 },
    },
  });
  text.addAll(documents.map((document, id) => ({ ...document, id })));
  const query = terms.join(' ');
  const all = text.search(query, { combineWith: 'AND' });
  const scores = new Array<number>(documents.length).fill(0);
  for (const { id, score } of all.length >= 50 ? all : text.search(query)) scores[Number(id)] = score;
  return scores;
}

function expectSame(documents: readonly Document[], terms: readonly string[]): void {
  const found = [...new TextIndex(documents, BOOSTS).search(terms)];
  const wanted = expected(documents, terms);
  expect(found).toHaveLength(wanted.length);
  for (const [place, score] of wanted.entries()) expect(found[place]).toBeCloseTo(score, 9);
}

const word = fc.constantFrom(
  ...'database databases databse data postgres postgre search searching web webs file files filing the use constructor internationalization internationalisationsss pneumonoultramicroscopicsilicovolcanoconiosis pneumonoultramicroscopicsilicovolcano1234567'.split(
    ' ',
  ),
);
const textOf = (most: number) => fc.array(word, { maxLength: most }).map((words) => words.join(' '));
const document = fc.record({ title: textOf(3), text: textOf(8) });
const terms = fc.uniqueArray(
  word.map((one) => toTerm(one) ?? 'web'),
  { minLength: 1, maxLength: 4 },
);

describe('the index of texts', () => {
  it('scores as the library does, a few documents', () => {
    fc.assert(fc.property(fc.array(document, { minLength: 1, maxLength: 12 }), terms, expectSame));
  });

  it('scores as the library does where so many have every term that the others are left out', () => {
    fc.assert(
      fc.property(
        fc.array(document, { minLength: 100, maxLength: 140 }),
        fc.uniqueArray(fc.constantFrom('database', 'search', 'web', 'file'), { minLength: 1, maxLength: 2 }),
        expectSame,
      ),
      { numRuns: 30 },
    );
  });

  it('forgives six wrong letters at most, however long the word', () => {
    const word = 'pneumonoultramicroscopicsilicovolcanoconiosis';
    const index = new TextIndex([{ title: word, text: '' }], BOOSTS);
    const found = (wrong: number) => (index.search([`${'x'.repeat(wrong)}${word.slice(wrong)}`])[0] ?? 0) > 0;
    expect([found(6), found(7)]).toEqual([true, false]);
  });

  it('finds nothing for no terms, and nothing in no documents', () => {
    expect([...new TextIndex([{ title: 'web', text: '' }], BOOSTS).search([])]).toEqual([0]);
    expect([...new TextIndex<'title' | 'text'>([], BOOSTS).search(['web'])]).toEqual([]);
  });

  it('leaves out a term that says nothing', () => {
    const documents = [{ title: 'web', text: 'search' }];
    const index = new TextIndex(documents, BOOSTS);
    expect(index.search(['web', 'the'])).toEqual(index.search(['web']));
  });
});
