import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { npmProgram } from '../../src/packages/npm-program.ts';
import type { ResolvedPackage } from '../../src/packages/package.ts';
import { chooseProgram, nodeFlagsOf } from '../../src/packages/program-choice.ts';

let tree: string;

beforeEach(async () => {
  tree = await mkdtemp(join(tmpdir(), 'berth-program-'));
});

afterEach(async () => {
  await rm(tree, { recursive: true, force: true });
});

describe('the rule of npx and uvx', () => {
  it.each([
    ['the only one', { other: 'a.js' }, undefined, 'other'],
    ['the one named like the package', { other: 'a.js', pkg: 'b.js' }, undefined, 'pkg'],
    ['any of aliases', { one: 'a.js', two: 'a.js' }, undefined, 'one'],
    ['the wished one', { other: 'a.js', pkg: 'b.js' }, 'other', 'other'],
  ])('chooses %s', (_what, programs, wished, name) => {
    expect(chooseProgram(programs, '@scope/pkg', wished)).toBe(name);
  });

  it.each([
    ['none is named like it', { one: 'a.js', two: 'b.js' }, undefined, 'Set bin to one of: one, two.'],
    ['the wished one is not there', { one: 'a.js' }, 'two', 'Set bin to one of: one.'],
    ['it is a member of every object', { one: 'a.js' }, 'constructor', 'Set bin to one of: one.'],
    ['there is none', {}, undefined, 'This package is no server to run.'],
  ])('lists what there is when %s', (_what, programs, wished, hint) => {
    expect(() => chooseProgram(programs, 'pkg', wished)).toThrow(
      expect.objectContaining({ code: 'install-failed', hint }),
    );
  });
});

describe('the first line of a program', () => {
  it.each([
    ['#!/usr/bin/env node', 'x', []],
    ['#!/usr/bin/env node\r', 'x', []],
    ['#! /usr/bin/node', 'x', []],
    [
      '#!/usr/bin/env -S node --experimental-sqlite --no-warnings',
      'x',
      ['--experimental-sqlite', '--no-warnings'],
    ],
    ['#!/usr/bin/env nodejs', 'x', []],
    ['console.log(1)', 'x.mjs', []],
    ['console.log(1)', 'x', undefined],
    ['#!/usr/bin/env python3', 'x', undefined],
    ['#!/bin/sh', 'x.js', undefined],
    ['#!/usr/bin/env -S A=1 node', 'x', undefined],
    ['#!/usr/bin/env nodemon', 'x', undefined],
    ['\u007fELF', 'x', undefined],
    ['', 'x', undefined],
  ])('%j of %s', async (line, name, flags) => {
    await writeFile(join(tree, name), `${line}\nrest`);
    expect(await nodeFlagsOf(join(tree, name))).toEqual(flags);
  });
});

describe('the program of an npm package', () => {
  const resolved: ResolvedPackage = {
    ecosystem: 'npm',
    name: '@scope/pkg',
    version: '1.0.0',
    allowInstallScripts: false,
    constraints: [],
  };

  async function write(bin: unknown, file: string, text: string): Promise<string> {
    const folder = join(tree, 'node_modules', '@scope', 'pkg');
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, 'package.json'), JSON.stringify({ name: '@scope/pkg', bin }));
    await writeFile(join(folder, file), text);
    return join(folder, file);
  }

  it('is run by our own Node with the flags of its first line', async () => {
    const file = await write('dist/cli.js', 'dist/cli.js', '#!/usr/bin/env -S node --no-warnings\n');
    expect(await npmProgram(tree, resolved)).toEqual({
      file: process.execPath,
      args: ['--no-warnings', file],
    });
  });

  it('is run directly when it is no script', async () => {
    const file = await write({ pkg: 'bin/native' }, 'bin/native', '\u007fELF');
    expect(await npmProgram(tree, resolved)).toEqual({ file, args: [] });
  });

  it('is never a file outside the tree', async () => {
    await write('../../../../../../../../bin/sh', 'x.js', '');
    await expect(npmProgram(tree, resolved)).rejects.toMatchObject({ code: 'install-failed' });
    const file = await write('link.js', 'x.js', '');
    await symlink('/bin/sh', join(dirname(file), 'link.js'));
    await expect(npmProgram(tree, resolved)).rejects.toThrow('outside itself');
  });

  it('must exist', async () => {
    await write('gone.js', 'x.js', '');
    await expect(npmProgram(tree, resolved)).rejects.toThrow('does not contain');
  });
});
