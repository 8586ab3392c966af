/** The commit from which an upgrade is tested is one that the history of a whole clone has. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const commit = readFileSync(`${ROOT}test/cluster/previous-version`, 'utf8').trim();

const git = (...args: readonly string[]) => spawnSync('git', ['-C', ROOT, ...args], { encoding: 'utf8' });

it('is named in full', () => {
  expect(commit).toMatch(/^[0-9a-f]{40}$/);
});

const isThere = git('cat-file', '-e', `${commit}^{commit}`).status === 0;
it.runIf(isThere)('is before this one', () => {
  expect(git('merge-base', '--is-ancestor', commit, 'HEAD').status).toBe(0);
});
