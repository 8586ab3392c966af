/** Real processes for tests: the small programs of `test/fixtures/processes`, started as the supervisor starts a server. */

import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/clock.ts';
import type { Launch } from '../../src/supervisor/launch.ts';
import { type LocalProcess, type SpawnOptions, spawnProcess } from '../../src/supervisor/process.ts';
import { createProcessTable } from '../../src/supervisor/process-table.ts';

export const table = createProcessTable();
export const FOLDER = 'fedcba9876543210';

export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/processes/${name}.mjs`, import.meta.url));
}

export function fixtureLaunch(name: string, args: readonly string[] = []): Launch {
  return { file: process.execPath, args: [fixture(name), ...args], env: {}, cwd: tmpdir() };
}

/** Owned by this test program, with short graces. */
export function spawnOptions(more: Partial<SpawnOptions> = {}): SpawnOptions {
  const owner = { folder: FOLDER, pid: process.pid, started: table.started(process.pid) ?? '' };
  const graces = { eof: 200, term: 200 };
  return { owner, table, clock: systemClock, secrets: [], maxLineBytes: 65_536, graces, ...more };
}

export function spawnFixture(
  name: string,
  args: readonly string[] = [],
  more: Partial<SpawnOptions> = {},
): Promise<LocalProcess> {
  return spawnProcess(fixtureLaunch(name, args), spawnOptions(more));
}

export function isRunning(pid: number): boolean {
  return table.started(pid) !== undefined;
}

/** Waits until `value` gives something; fails with `what` after 1,500 tries. */
export async function eventually<T>(
  what: string,
  value: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  for (let tries = 0; tries < 1_500; tries++) {
    const found = await value();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`never: ${what}`);
}

/** The first stderr line that `pattern` matches, as its first group. */
export function stderrMatch(started: LocalProcess, pattern: RegExp): Promise<string> {
  return eventually(`stderr ${pattern}`, () => pattern.exec(started.stderrTail(100).join('\n'))?.[1]);
}
