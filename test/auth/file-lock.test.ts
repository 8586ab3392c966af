/** Several programs change the same keys. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { whileLocked } from '../../src/auth/file-lock.ts';
import { KeyStore } from '../../src/auth/keys.ts';

const KEYS = new URL('../../src/auth/keys.ts', import.meta.url).href;
const PROGRAMS = 4;
const EACH = 25;
/** Adds keys and removes every other one again. */
const PROGRAM = `
const { KeyStore } = await import(process.argv[1]);
const keys = new KeyStore({ dataDir: process.argv[2] });
for (let index = 0; index < ${EACH}; index += 1) {
  keys.add(process.argv[3] + index);
  if (index % 2 === 1) keys.remove(process.argv[3] + index);
}`;

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'berth-lock-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

async function end(name: string): Promise<unknown> {
  const flags = ['--input-type=module', '--eval', PROGRAM, KEYS, dataDir, name];
  const [code] = await once(
    spawn(process.execPath, flags, { stdio: ['ignore', 'ignore', 'inherit'] }),
    'exit',
  );
  return code;
}

it('programs that add and remove keys at one time lose none, and bring none back', async () => {
  const names = Array.from({ length: PROGRAMS }, (_, index) => String.fromCharCode(97 + index));
  expect(await Promise.all(names.map(end))).toEqual(names.map(() => 0));
  const wanted = names.flatMap((name) =>
    Array.from({ length: EACH }, (_, index) => (index % 2 === 0 ? [`${name}${index}`] : [])).flat(),
  );
  const keys = new KeyStore({ dataDir }).list().map(({ name }) => name);
  expect(keys.sort()).toEqual(wanted.sort());
  expect(readdirSync(dataDir)).toEqual(['keys.json']);
});

it('the lock of a program that is gone is taken away', async () => {
  const child = spawn(process.execPath, ['--eval', '']);
  await once(child, 'exit');
  const path = join(dataDir, 'keys.json');
  writeFileSync(`${path}.lock`, String(child.pid));
  expect(whileLocked(path, () => existsSync(`${path}.lock`))).toBe(true);
  expect(readdirSync(dataDir)).toEqual([]);
});

it('the lock of a program that runs is respected, and is there after its own change failed no more', () => {
  const path = join(dataDir, 'keys.json');
  writeFileSync(`${path}.lock`, String(process.pid));
  expect(() => whileLocked(path, () => 1, 60)).toThrow(expect.objectContaining({ code: 'conflict' }));
  rmSync(`${path}.lock`);
  const fail = () => {
    throw new Error('no');
  };
  expect(() => whileLocked(path, fail)).toThrow('no');
  expect(whileLocked(path, () => 2)).toBe(2);
});
