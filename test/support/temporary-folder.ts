import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, onTestFinished } from 'vitest';

/** A new folder that goes with the test that runs, or is about to; made beside tests it goes with their file. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `berth-${name}-`));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    onTestFinished(remove);
  } catch {
    afterAll(remove);
  }
  return folder;
}
