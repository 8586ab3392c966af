import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockDataFolder } from '../../src/supervisor/data-folder.ts';
import { table } from '../support/local-process.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-test-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe('the lock of a data folder', () => {
  it('refuses a second gateway and names the pid of the first', async () => {
    const lock = await lockDataFolder(dir, table);
    const refused = lockDataFolder(dir, table);
    await expect(refused).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining(`pid ${process.pid}`),
    });
    await lock.close();
    await lock.close();
    await (await lockDataFolder(dir, table)).close();
  });

  it('makes a folder that only its owner reads, with an id that stays', async () => {
    const folder = join(dir, 'new', 'data');
    const first = await lockDataFolder(folder, table);
    await first.close();
    const second = await lockDataFolder(folder, table);
    await second.close();
    expect(second.owner).toEqual(first.owner);
    expect(first.owner).toMatchObject({ folder: expect.stringMatching(/^[0-9a-f]{16}$/), pid: process.pid });
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect(await readdir(folder)).toEqual(['id']);
  });

  it.each([
    ['a pid that is gone', { pid: 2 ** 30, started: '1', boot: '' }],
    ['a pid that is another process by now', { pid: process.ppid, started: '1', boot: '' }],
    ['an earlier boot', { pid: process.pid, started: table.started(process.pid), boot: 'earlier' }],
    ['nobody', 'half a li'],
  ])('is taken over from %s', async (_name, holder) => {
    await writeFile(join(dir, 'gateway.lock'), JSON.stringify(holder));
    const lock = await lockDataFolder(dir, table);
    await expect(lockDataFolder(dir, table)).rejects.toMatchObject({ code: 'conflict' });
    await lock.close();
    expect(await readdir(dir)).toEqual(['id']);
  });

  it('goes to exactly one of many that find it stale at the same time', async () => {
    await writeFile(join(dir, 'gateway.lock'), JSON.stringify({ pid: 2 ** 30, started: '1', boot: '' }));
    const tries = await Promise.allSettled(Array.from({ length: 20 }, () => lockDataFolder(dir, table)));
    const held = tries.filter(({ status }) => status === 'fulfilled');
    expect(held).toHaveLength(1);
  });
});
