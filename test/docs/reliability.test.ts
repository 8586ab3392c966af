/** The page on failures names a test for each, and no test that measures one is left out. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, readPage } from './pages.ts';

const page = readPage('docs/reliability.md');
/** Cells of all tables, heads and rulers left out. */
const rows = page
  .split('\n')
  .filter(
    (line, at, lines) =>
      line.startsWith('| ') && !/^\|[ |-]+$/.test(line) && !/^\|[ |-]+$/.test(lines[at + 1] ?? ''),
  )
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
const testsIn = (text: string): string[] =>
  [...text.matchAll(/`(test\/[^`]+\.test\.ts)`/g)].map((match) => match[1] ?? '');

describe('the page on failures', () => {
  it('has rows, and nothing empty in them', () => {
    expect(rows.length).toBeGreaterThan(10);
    expect(rows.filter((cells) => cells.some((cell) => cell === ''))).toEqual([]);
  });

  it('names a test for each failure', () => {
    expect(rows.filter((cells) => testsIn(cells.at(-1) ?? '').length === 0)).toEqual([]);
  });

  it('names tests that are there', () => {
    expect(testsIn(page).filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it('leaves out no test that measures a failure in a cluster', () => {
    const measuring = readdirSync(join(ROOT, 'test/cluster'))
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => `test/cluster/${name}`)
      .filter((path) => readFileSync(join(ROOT, path), 'utf8').includes('support/figures.ts'));
    expect(measuring.filter((path) => !testsIn(page).includes(path))).toEqual([]);
    expect(measuring.length).toBeGreaterThan(3);
  });
});
