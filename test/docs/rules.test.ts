/** The rules of the data path that comments name exist, and so do the tests that their page names. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT, readPage } from './pages.ts';

const page = readPage('docs/data-path.md');

/** `3.5` for the fifth rule of the third section; `3` for the section. */
function rules(): Set<string> {
  const found = new Set<string>();
  let section = '';
  for (const line of page.split('\n')) {
    section = /^## (\d+)\. /.exec(line)?.[1] ?? section;
    const rule = /^(\d+)\. /.exec(line)?.[1];
    found.add(rule === undefined ? section : `${section}.${rule}`);
  }
  return found;
}

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name));
}

it('every rule that a comment names is on the page', () => {
  const known = rules();
  const unknown = ['src', 'test', 'bench'].flatMap(sources).flatMap((path) => {
    const text = readFileSync(join(ROOT, path), 'utf8');
    const named = [...text.matchAll(/data-path\.md (?:sections? )?(\d+(?:\.\d+)?)(?: to (\d+\.\d+))?/g)];
    return named
      .flatMap(([, from, to]) => (to === undefined ? [from] : [from, to]))
      .filter((rule) => rule !== undefined && !known.has(rule))
      .map((rule) => `${path}: ${rule}`);
  });
  expect(unknown).toEqual([]);
});

it('every test that the page names is there', () => {
  const named = [...page.matchAll(/`(test\/[^`]+)`/g)].map((match) => match[1] ?? '');
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});
