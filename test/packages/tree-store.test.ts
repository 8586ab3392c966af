import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { noteInstaller } from '../../src/packages/leftover.ts';
import type { ResolvedPackage } from '../../src/packages/package.ts';
import { collectTrees } from '../../src/packages/tree-collect.ts';
import { isLocked, withFileLock } from '../../src/packages/tree-lock.ts';
import { TreeStore, treeKey } from '../../src/packages/tree-store.ts';

const RESOLVED: ResolvedPackage = {
  ecosystem: 'npm',
  name: 'x',
  version: '1.0.0',
  allowInstallScripts: false,
  constraints: [],
};
const DAY_MS = 86_400_000;

let folder: string;
let store: TreeStore;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-store-'));
  store = new TreeStore(folder);
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function fill(name: string, bytes = 10): Promise<string> {
  const key = treeKey([name]);
  await store.fill({ key, resolved: RESOLVED, lock: { 'lock.txt': name } }, async (path) => {
    await writeFile(join(path, 'content'), 'x'.repeat(bytes));
  });
  return key;
}

async function age(key: string, days: number): Promise<void> {
  const then = new Date(Date.now() - days * DAY_MS);
  await utimes(join(store.path(key), 'berth-tree.json'), then, then);
}

describe('a tree', () => {
  it('is there once it was filled, at its final path, with its lock', async () => {
    const key = treeKey(['a']);
    const seen: string[] = [];
    const install = async (path: string) => {
      seen.push(path, await readFile(join(path, 'lock.txt'), 'utf8'));
    };
    await store.fill({ key, resolved: RESOLVED, lock: { 'lock.txt': 'text' } }, install);
    expect(seen).toEqual([store.path(key), 'text']);
    expect(await store.find(key)).toMatchObject({ key, resolved: RESOLVED });
    expect(await store.lockOf(key)).toEqual({ 'lock.txt': 'text' });
  });

  it('is filled once by parallel calls', async () => {
    let installs = 0;
    const key = treeKey(['a']);
    const one = () =>
      store.fill({ key, resolved: RESOLVED, lock: {} }, async () => {
        installs += 1;
      });
    await Promise.all([one(), one(), one()]);
    expect(installs).toBe(1);
  });

  it('is not there when its installer failed, and nothing of the attempt is in the next one', async () => {
    const key = treeKey(['a']);
    const fails = store.fill({ key, resolved: RESOLVED, lock: {} }, async (path) => {
      await writeFile(join(path, 'half'), '');
      throw new Error('disk full');
    });
    await expect(fails).rejects.toThrow('disk full');
    expect(await store.find(key)).toBeUndefined();
    await fill('a');
    expect(await readdir(store.path(key))).not.toContain('half');
  });

  it.each([
    ['without marker', undefined],
    ['with an empty marker', ''],
    [
      'with the marker of another tree',
      JSON.stringify({ key: treeKey(['b']), resolved: RESOLVED, bytes: 1 }),
    ],
  ])('%s is half-written: not used, and made anew', async (_what, marker) => {
    const key = treeKey(['a']);
    await mkdir(store.path(key), { recursive: true });
    await writeFile(join(store.path(key), 'half'), '');
    if (marker !== undefined) await writeFile(join(store.path(key), 'berth-tree.json'), marker);
    expect(await store.find(key)).toBeUndefined();
    await fill('a');
    expect(await readdir(store.path(key))).not.toContain('half');
  });

  it.runIf(process.platform === 'linux')(
    'is not shared with an installer that outlived its gateway',
    async () => {
      const key = treeKey(['a']);
      await mkdir(store.path(key), { recursive: true });
      const leftover = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true });
      const ended = once(leftover, 'exit');
      noteInstaller(store.path(key), leftover.pid ?? 0);
      await fill('a');
      expect((await ended)[1]).toBe('SIGKILL');
    },
  );

  it('does not end a process that only has the number of an old installer', async () => {
    const key = treeKey(['a']);
    await mkdir(store.path(key), { recursive: true });
    const note = JSON.stringify({ pid: process.pid, started: '1' });
    await writeFile(join(store.path(key), '.berth-installer.json'), note);
    await fill('a');
    expect(await store.find(key)).toBeDefined();
  });

  it('has no path outside the store, whatever is taken for a key', async () => {
    expect(await store.find('../../etc')).toBeUndefined();
    expect(await store.lockOf('../../etc')).toBeUndefined();
    expect(() => store.path('..')).toThrow(RangeError);
  });

  it('has a key in which boundaries count', () => {
    expect(treeKey(['ab', 'c'])).not.toBe(treeKey(['a', 'bc']));
  });
});

describe('collection', () => {
  it('removes what was unused for too long, but never a kept tree', async () => {
    const [old, kept, young] = [await fill('old'), await fill('kept'), await fill('young')];
    await age(old, 10);
    await age(kept, 10);
    const policy = { keep: new Set([kept]), maxBytes: 1_000_000, maxAgeDays: 5 };
    expect(await collectTrees(store, policy)).toMatchObject({ removed: [old] });
    expect((await store.list()).map((tree) => tree.key).sort()).toEqual([kept, young].sort());
  });

  it('removes the longest unused ones while all together are too large', async () => {
    const keys = [await fill('a', 1000), await fill('b', 1000), await fill('c', 1000)];
    for (const [index, key] of keys.entries()) await age(key, 3 - index);
    const { removed, bytes } = await collectTrees(store, {
      keep: new Set(),
      maxBytes: 1_500,
      maxAgeDays: 100,
    });
    expect(removed).toEqual(keys.slice(0, 2));
    expect(bytes).toBeGreaterThanOrEqual(2_000);
  });

  it('counts looking a tree up as a use', async () => {
    const [a, b] = [await fill('a', 1000), await fill('b', 1000)];
    await age(a, 3);
    await age(b, 2);
    await store.find(a);
    const { removed } = await collectTrees(store, { keep: new Set(), maxBytes: 1_500, maxAgeDays: 100 });
    expect(removed).toEqual([b]);
  });

  it('removes half-written trees, unless somebody is writing them', async () => {
    const [left, busy] = [treeKey(['left']), treeKey(['busy'])];
    await mkdir(store.path(left), { recursive: true });
    const policy = { keep: new Set<string>(), maxBytes: 1_000_000, maxAgeDays: 5 };
    await store.fill({ key: busy, resolved: RESOLVED, lock: {} }, async () => {
      expect((await collectTrees(store, policy)).removed).toEqual([left]);
    });
    expect(await store.find(busy)).toBeDefined();
  });

  it('removes scratch folders of long ago', async () => {
    const path = join(folder, 'scratch', 'old');
    await mkdir(path, { recursive: true });
    const then = new Date(Date.now() - 2 * DAY_MS);
    await utimes(path, then, then);
    await collectTrees(store, { keep: new Set(), maxBytes: 0, maxAgeDays: 1 });
    expect(await readdir(join(folder, 'scratch'))).toEqual([]);
  });

  it('keeps the lock of a removed tree', async () => {
    const key = await fill('a');
    await store.remove(key);
    expect([await store.find(key), await store.lockOf(key)]).toEqual([undefined, { 'lock.txt': 'a' }]);
  });
});

describe('the lock between programs', () => {
  const file = () => join(folder, 'x.mutex');
  const deadPid = () => spawnSync(process.execPath, ['--version']).pid;

  it('lets one in at a time and leaves nothing behind', async () => {
    let inside = 0;
    let most = 0;
    const work = async () => {
      inside += 1;
      most = Math.max(most, inside);
      await stat(folder);
      inside -= 1;
    };
    await Promise.all([1, 2, 3].map(() => withFileLock(file(), work)));
    expect([most, await readdir(folder)]).toEqual([1, []]);
  });

  it('is taken over when its owner has died', async () => {
    await writeFile(file(), JSON.stringify({ host: hostname(), pid: deadPid(), token: 'gone' }));
    expect(await isLocked(file())).toBe(false);
    expect(await withFileLock(file(), async () => 'mine')).toBe('mine');
  });

  it('is taken over when an owner on another machine has not refreshed it', async () => {
    await writeFile(file(), JSON.stringify({ host: 'elsewhere', pid: 1, token: 'gone' }));
    expect(await isLocked(file())).toBe(true);
    const then = new Date(Date.now() - 120_000);
    await utimes(file(), then, then);
    expect(await withFileLock(file(), async () => 'mine')).toBe('mine');
  });

  it('is not waited for longer than the signal allows', async () => {
    await writeFile(file(), JSON.stringify({ host: hostname(), pid: process.pid, token: 'other' }));
    const waiting = withFileLock(file(), async () => 'mine', AbortSignal.timeout(20));
    await expect(waiting).rejects.toMatchObject({ name: expect.stringMatching(/AbortError|TimeoutError/) });
  });
});
