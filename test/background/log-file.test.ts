import { mkdtempSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { keepLogShort, LOG_BYTES, lastLines, openLogFile, shorten } from '../../src/background/log-file.ts';
import { ManualClock } from '../../src/clock.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-log-'));
  file = join(folder, 'new', 'gateway.log');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('a log that has grown too long is put aside, and whoever writes goes on at the beginning', () => {
  const log = openLogFile(file);
  writeSync(log, 'one\n');
  shorten(file, 100);
  expect(readFileSync(file, 'utf8')).toBe('one\n');
  writeSync(log, `${'x'.repeat(100)}\n`);
  shorten(file, 100);
  writeSync(log, 'two\n');
  expect(readFileSync(file, 'utf8')).toBe('two\n');
  expect(readFileSync(`${file}.1`, 'utf8')).toContain('one\n');
  expect([statSync(file).mode & 0o777, statSync(`${file}.1`).mode & 0o777]).toEqual([0o600, 0o600]);
});

it('it is looked at now and then, until nobody wants it', () => {
  const clock = new ManualClock();
  const log = openLogFile(file);
  const cancel = keepLogShort(file, clock);
  writeSync(log, Buffer.alloc(LOG_BYTES + 1, 'x'));
  clock.advance(60_000);
  expect(statSync(file).size).toBe(0);
  cancel();
  writeSync(log, Buffer.alloc(LOG_BYTES + 1, 'x'));
  clock.advance(60_000);
  expect(statSync(file).size).toBe(LOG_BYTES + 1);
});

it('its last lines are told, and none of a file that is not there', () => {
  writeSync(openLogFile(file), 'one\ntwo\nthree\n');
  expect(lastLines(file, 2)).toEqual(['two', 'three']);
  expect(lastLines(join(folder, 'none'), 2)).toEqual([]);
});
