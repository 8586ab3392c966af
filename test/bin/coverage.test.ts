/** `npm run coverage`: the tests of one folder, run as the command runs them, leave a report of its sources. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';
import { ROOT } from '../docs/pages.ts';

const folder = mkdtempSync(join(tmpdir(), 'berth-coverage-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('shows which lines the tests ran through, and prints a summary', async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      ...['node_modules/vitest/vitest.mjs', 'run', '--coverage', 'test/jsonrpc/chunk-list.test.ts'],
      ...['--coverage.include=src/jsonrpc/chunk-list.ts', `--coverage.reportsDirectory=${folder}`],
    ],
    { cwd: ROOT, env: { PATH: process.env.PATH, HOME: folder } },
  );
  expect(stdout).toMatch(/Statements +: 100%/);
  expect(readFileSync(join(folder, 'index.html'), 'utf8')).toContain('chunk-list.ts');
});

it('is the command of the checkout, and counts all of src', async () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  expect(scripts.coverage).toBe('node scripts/launch.mjs coverage');
  const { default: config } = await import('../../vitest.config.ts');
  expect(config.test?.coverage).toMatchObject({ include: ['src/**/*.ts'] });
});
