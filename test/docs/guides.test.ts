/** The guides name what is there: every code of the catalogue, and files that a reader can open. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ERROR_TABLE } from '../../src/errors.ts';
import { ROOT, readPage } from './pages.ts';

it('the troubleshooting guide explains every code, and no other', () => {
  const page = readPage('docs/troubleshooting.md');
  const codes = page.slice(page.indexOf('\n## Codes'));
  const explained = [...codes.matchAll(/^\| `([a-z-]+)` \| (.+) \|$/gm)].map(([, code]) => code ?? '');
  expect(explained.toSorted()).toEqual(Object.keys(ERROR_TABLE).toSorted());
});

it('the guide for extensions names files that are there', () => {
  const named = [...readPage('docs/extending.md').matchAll(/`((?:src|test|helm)\/[^`<]+)`/g)].map(
    ([, path]) => path ?? '',
  );
  expect(named.length).toBeGreaterThan(30);
  expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});
