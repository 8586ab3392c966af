import { randomBytes } from 'node:crypto';
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BerthError } from '../../src/errors.ts';
import { packTree } from '../../src/installer/pack.ts';
import { failureReport } from '../../src/installer/report.ts';
import { unpackTree } from '../../src/installer/unpack.ts';
import { type TarMember, tarOf } from '../support/tar-archive.ts';

let root: string;
let into: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'berth-archive-'));
  into = join(root, 'inner', 'into');
  await mkdir(into, { recursive: true });
  await writeFile(join(root, 'victim'), 'untouched');
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(root, { recursive: true, force: true });
});

async function unpack(members: readonly TarMember[], maxBytes = 1_000_000): Promise<void> {
  const archive = join(root, 'archive');
  await writeFile(archive, tarOf(members));
  await unpackTree({ archive, folder: into, maxBytes });
}

const everything = async (): Promise<string[]> =>
  (await readdir(root, { recursive: true })).filter((name) => name !== 'archive').sort();

async function tree(name: string): Promise<string> {
  const folder = join(root, name);
  await mkdir(join(folder, 'bin'), { recursive: true });
  await mkdir(join(folder, 'venv', 'bin'), { recursive: true });
  await writeFile(join(folder, 'bin', 'run'), '#!/usr/bin/env node\n');
  await chmod(join(folder, 'bin', 'run'), 0o755);
  await writeFile(join(folder, 'data.txt'), 'data');
  await symlink('../data.txt', join(folder, 'bin', 'link'));
  await symlink('/usr/bin/python3.11', join(folder, 'venv', 'bin', 'python'));
  return folder;
}

describe('a tree', () => {
  it('comes out as it went in', async () => {
    const archive = join(root, 'archive');
    await packTree(await tree('one'), archive);
    await unpackTree({ archive, folder: into, maxBytes: 1_000_000 });
    expect(await readFile(join(into, 'bin', 'link'), 'utf8')).toBe('data');
    expect((await stat(join(into, 'bin', 'run'))).mode & 0o777).toBe(0o755);
    expect((await readdir(into, { recursive: true })).sort()).toEqual(
      ['bin', 'bin/link', 'bin/run', 'data.txt', 'venv', 'venv/bin', 'venv/bin/python'].sort(),
    );
  });

  it('is taken by its exit code from a tar that leaves before its input ends', async () => {
    const archive = join(root, 'archive');
    const folder = await tree('one');
    await writeFile(join(folder, 'noise'), randomBytes(2 ** 20));
    await packTree(folder, archive);
    await writeFile(join(root, 'tar'), '#!/bin/sh\nexec head -c 512 > /dev/null\n', { mode: 0o755 });
    vi.stubEnv('PATH', `${root}:${process.env.PATH}`);
    await unpackTree({ archive, folder: into, maxBytes: 2 ** 21 });
    await writeFile(join(root, 'tar'), '#!/bin/sh\nexit 2\n', { mode: 0o755 });
    await expect(unpackTree({ archive, folder: into, maxBytes: 2 ** 21 })).rejects.toMatchObject({
      code: 'install-failed',
      details: { exitCode: 2 },
    });
  });

  it('says nothing of the folder that it is unpacked into, which may be of somebody else', async () => {
    const archive = join(root, 'archive');
    await packTree(await tree('one'), archive);
    await chmod(into, 0o2777);
    await unpackTree({ archive, folder: into, maxBytes: 1_000_000 });
    expect((await stat(into)).mode & 0o7777).toBe(0o2777);
  });

  it('has one digest, whenever and in whatever order its files were made', async () => {
    const one = await tree('one');
    const two = await tree('two');
    await utimes(join(two, 'data.txt'), 1, 2);
    await chmod(join(two, 'data.txt'), 0o600);
    const [first, second] = [await packTree(one, join(root, 'a')), await packTree(two, join(root, 'b'))];
    expect(second.digest).toBe(first.digest);
    await writeFile(join(two, 'data.txt'), 'datb');
    expect((await packTree(two, join(root, 'c'))).digest).not.toBe(first.digest);
  });

  it('that is not there is a failure with words', async () => {
    await expect(packTree(join(root, 'none'), join(root, 'a'))).rejects.toMatchObject({
      code: 'install-failed',
      message: expect.stringContaining('none'),
    });
  });
});

describe('what an archive cannot do', () => {
  const HOSTILE: readonly (readonly [string, readonly TarMember[]])[] = [
    ['write above its folder', [{ name: '../escaped', text: 'x' }]],
    ['write above its folder, deeper', [{ name: 'a/../../escaped', text: 'x' }]],
    [
      'write through a link that leads out',
      [
        { name: 'out', type: 'symlink', target: '../..' },
        { name: 'out/victim', text: 'x' },
      ],
    ],
    [
      'write through an absolute link',
      [
        { name: 'out', type: 'symlink', target: '/tmp' },
        { name: 'out/berth-escaped', text: 'x' },
      ],
    ],
    [
      'leave a link that leads out',
      [
        { name: 'ok', text: 'x' },
        { name: 'out', type: 'symlink', target: '../../victim' },
      ],
    ],
    ['leave an absolute link', [{ name: 'passwd', type: 'symlink', target: '/etc/passwd' }]],
    [
      'call its absolute link a Python',
      [{ name: 'venv/bin/python', type: 'symlink', target: '/etc/shadow' }],
    ],
    ['link to a Python from elsewhere', [{ name: 'notes', type: 'symlink', target: '/usr/bin/python3' }]],
    ['link hard to what is outside', [{ name: 'hard', type: 'hardlink', target: '../../victim' }]],
    ['make a pipe', [{ name: 'pipe', type: 'fifo' }]],
  ];

  it.each(HOSTILE)('%s', async (_what, members) => {
    const before = await everything();
    await expect(unpack(members)).rejects.toMatchObject({ code: 'install-failed' });
    expect(await everything()).toEqual(before);
    expect(await readFile(join(root, 'victim'), 'utf8')).toBe('untouched');
  });

  it('write to an absolute place: it stays below', async () => {
    await unpack([{ name: join(root, 'absolute'), text: 'x' }]);
    expect(await readdir(root)).not.toContain('absolute');
  });

  it('bring programs that change the user', async () => {
    await unpack([{ name: 'tool', text: 'x', mode: 0o6755 }]);
    expect((await stat(join(into, 'tool'))).mode & 0o6000).toBe(0);
  });

  it('fill the disk', async () => {
    await expect(unpack([{ name: 'big', text: '0'.repeat(200_000) }], 100_000)).rejects.toThrow(
      /more than 100000/,
    );
    expect(await readdir(into)).toEqual([]);
  });

  it('be half there', async () => {
    const archive = join(root, 'archive');
    const whole = tarOf([{ name: 'a', text: 'x'.repeat(100_000) }]);
    await writeFile(archive, whole.subarray(0, whole.length - 20));
    await expect(unpackTree({ archive, folder: into, maxBytes: 1e6 })).rejects.toMatchObject({
      code: 'install-failed',
    });
    expect(await readdir(into)).toEqual([]);
  });
});

it('a failure of any size fits a termination message, its last lines first', () => {
  const stderr = Array.from({ length: 40 }, (_, index) => `${index} ${'ü'.repeat(400)}`);
  const text = failureReport(
    new BerthError('install-failed', 'no', { phase: 'install', exitCode: 1, stderr }),
  );
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4_096);
  const { error } = JSON.parse(text);
  expect(error).toMatchObject({ phase: 'install', exitCode: 1, code: 'install-failed' });
  expect(error.stderr.at(-1)).toMatch(/^39 /);
});
