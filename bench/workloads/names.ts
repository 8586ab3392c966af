/** Search in the names of a Python index as large as the public one, all of them made up. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { attempt, type Book } from '../book.ts';
import type { Plan } from '../plan.ts';
import type { NamesAsked, NamesBuilt } from '../programs/name-list.ts';

/** The name of this case, and who is in it. */
export const NAMES = 'names';
export const NAMES_BERTH = 'berth';

export type NamesResult = NamesBuilt & NamesAsked;

const PROGRAM = fileURLToPath(new URL('../programs/name-list.ts', import.meta.url));
const COUNT = 750_000;
const QUERY_ROUNDS = 20;
const DEADLINE_MS = 180_000;

export async function runNames(
  plan: Plan,
  book: Book<NamesResult>,
  log: (text: string) => void,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-names-'));
  try {
    for (let round = 1; round <= plan.rounds; round++) {
      log(`names, round ${round}`);
      book.add(
        NAMES,
        NAMES_BERTH,
        await attempt(async () => ({
          ...(await run<NamesBuilt>('build', folder, COUNT)),
          ...(await run<NamesAsked>('query', folder, QUERY_ROUNDS)),
        })),
      );
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function run<T>(mode: string, folder: string, number: number): Promise<T> {
  const args = [PROGRAM, mode, folder, String(number)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: DEADLINE_MS });
  return JSON.parse(stdout) as T;
}
