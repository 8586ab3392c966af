/** An older version of this project that a test upgrades from: its images and its chart. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ImageNames, imagesOf } from './images.ts';
import { ROOT } from './tools.ts';

export interface PreviousVersion {
  readonly images: ImageNames;
  readonly chart: string;
  close(): void;
}

const COMMIT = process.env.BERTH_TEST_PREVIOUS_COMMIT;
const GATEWAY = process.env.BERTH_TEST_PREVIOUS_IMAGES;

/** Whether one is named; `previous-images.sh` makes its images. */
export const HAS_PREVIOUS = COMMIT !== undefined && GATEWAY !== undefined;
export const WHY_NOT =
  'An upgrade from an older version is not tested: BERTH_TEST_PREVIOUS_COMMIT and BERTH_TEST_PREVIOUS_IMAGES name none (previous-images.sh makes its images).';

export function openPrevious(): PreviousVersion {
  if (COMMIT === undefined || GATEWAY === undefined) throw new Error('no older version is named');
  const folder = mkdtempSync(join(tmpdir(), 'berth-previous-'));
  const archive = spawnSync('git', ['-C', ROOT, 'archive', COMMIT, 'helm'], { maxBuffer: 64 * 1024 * 1024 });
  const unpacked = spawnSync('tar', ['-x', '-C', folder], { input: archive.stdout });
  if (archive.status !== 0 || unpacked.status !== 0)
    throw new Error(`${COMMIT} has no chart: ${archive.stderr}`);
  return {
    images: imagesOf(GATEWAY),
    chart: join(folder, 'helm', 'berth'),
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}
