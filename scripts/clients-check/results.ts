/** What real clients made of what `berth connect` wrote, as `results.json` holds it. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Outcome } from './programs.ts';

export const RESULTS = fileURLToPath(new URL('results.json', import.meta.url));
const GOLDEN = fileURLToPath(new URL('../../test/clients/golden', import.meta.url));

export interface ClientResult {
  readonly client: string;
  readonly package: string;
  readonly version: string;
  /** ISO date. */
  readonly checkedAt: string;
  /** The URL of a server, as it is. */
  readonly url: Outcome;
  /** With a reference to a variable that holds a good key, and a wrong one. */
  readonly withKey: Outcome;
  readonly wrongKey: Outcome;
  /** A program that the client starts. */
  readonly asProgram: Outcome;
  /** Digest of what Berth writes for it, see {@link writtenFor}. */
  readonly written: string;
}

export async function readResults(): Promise<readonly ClientResult[]> {
  return JSON.parse(await readFile(RESULTS, 'utf8')) as ClientResult[];
}

/** Of what it writes for a client, in the tests' own files: when that changes, the check is to be made anew. */
export async function writtenFor(client: string): Promise<string> {
  const hash = createHash('sha256');
  for (const name of (await readdir(GOLDEN)).sort())
    if (name.replace(/(-key|-program)?\.\w+$/, '') === client)
      hash.update(await readFile(join(GOLDEN, name)));
  return hash.digest('hex');
}
