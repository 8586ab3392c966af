import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const { alone } = (await import(new URL('../../scripts/set-up.mjs', import.meta.url).href)) as {
  alone(work: () => Promise<void>, lock: string): Promise<void>;
};

let folder: string;
let lock: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-set-up-'));
  lock = join(folder, 'lock');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('builds of one checkout', () => {
  it('wait for each other', async () => {
    let [now, most, done] = [0, 0, 0];
    const build = async (): Promise<void> => {
      most = Math.max(most, ++now);
      await sleep(20);
      now--;
      done++;
    };
    await Promise.all([alone(build, lock), alone(build, lock), alone(build, lock)]);
    expect([most, done, existsSync(lock)]).toEqual([1, 3, false]);
  });

  it('do not wait for one that has failed, or has been killed', async () => {
    const failing = alone(() => Promise.reject(new Error('no')), lock);
    await expect(failing).rejects.toThrow('no');
    const { pid } = spawnSync(process.execPath, ['--eval', '0']);
    writeFileSync(lock, `${pid}`);
    let built = 0;
    const build = async (): Promise<void> => {
      built++;
    };
    await alone(build, lock);
    expect([built, existsSync(lock)]).toEqual([1, false]);
    // Its process id is somebody else's by now.
    writeFileSync(lock, `${process.pid}`);
    const then = Date.now() / 1_000 - 601;
    utimesSync(lock, then, then);
    await alone(build, lock);
    expect([built, existsSync(lock)]).toEqual([2, false]);
  });
});
