/** The table of features is complete, and what it claims can be looked up. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, readPage } from './pages.ts';

/** How many features each of the five systems has. */
const COUNTS = { '000': 45, '001': 44, '002': 140, '003': 47, '004': 73 };
const STATES = ['proved', 'in part', 'not yet', 'replaced'];

const rows = readPage('docs/features.md')
  .split('\n')
  .filter((line) => /^\| \d{3}-/.test(line))
  .map((line) => {
    const [, id = '', feature = '', state = '', where = ''] = line.split('|').map((cell) => cell.trim());
    return {
      id,
      feature,
      state,
      where,
      tests: [...where.matchAll(/`(test\/[^`]+)`/g)].map((m) => m[1] ?? ''),
    };
  });

describe('the table of features', () => {
  it('has every id exactly once, in order', () => {
    const ids = Object.entries(COUNTS).flatMap(([system, count]) =>
      Array.from({ length: count }, (_, index) => `${system}-${String(index + 1).padStart(2, '0')}`),
    );
    expect(ids).toHaveLength(349);
    expect(rows.map(({ id }) => id).sort()).toEqual(ids.sort());
  });

  it('says of each what it is and where it stands', () => {
    const bad = rows.filter(({ feature, state }) => feature === '' || !STATES.includes(state));
    expect(bad).toEqual([]);
  });

  it('names a test for all that is proved, in full or in part', () => {
    const bad = rows.filter(
      ({ state, tests }) => (state === 'proved' || state === 'in part') && tests.length === 0,
    );
    expect(bad).toEqual([]);
  });

  it('says what is missing of a part, and why something is replaced', () => {
    const bad = rows.filter(
      ({ state, where }) =>
        (state === 'in part' && !where.includes('`: ') && !where.includes('`. ')) ||
        (state === 'replaced' && !/^by .*, because /.test(where) && !/^as \d{3}-\d+/.test(where)),
    );
    expect(bad).toEqual([]);
  });

  it('names no test that is not there', () => {
    const named = new Set(rows.flatMap(({ tests }) => tests));
    expect([...named].filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});
