import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { lastWords } from '../../src/log/last-words.ts';

const stderrOf = (...args: string[]): string[] =>
  spawnSync(process.execPath, args, { encoding: 'utf8' }).stderr.split('\n');

it.each([
  ["throw new Error('no API key')", 'Error: no API key'],
  ["Promise.reject(Object.assign(new TypeError('no port'), {code: 'E_PORT'}))", 'TypeError: no port'],
  ["throw new Error('cannot start', {cause: new Error('no file')})", 'Error: cannot start'],
  [
    "import('./there-is-no-such-file.mjs')",
    expect.stringMatching(/^Error \[ERR_MODULE_NOT_FOUND\]: Cannot find module/),
  ],
])('of Node: %s', (code, words) => {
  expect(lastWords(stderrOf('-e', code))).toEqual(words);
});

it('of a program that throws no error says what stands above the version', () => {
  expect(lastWords(['Uncaught:', "'only text'", '', 'Node.js v24.1.0', ''])).toBe("'only text'");
});

it.each([
  [
    ['Traceback (most recent call last):', '  File "a.py", line 1', 'ValueError: no key', ''],
    'ValueError: no key',
  ],
  [['ValueError: of a test', 'usage: server [--port PORT]'], 'usage: server [--port PORT]'],
  [['Node.js v24.1.0'], 'Node.js v24.1.0'],
  [['', ' '], undefined],
  [[], undefined],
])('of any other is its last line: %j', (lines, words) => {
  expect(lastWords(lines)).toBe(words);
});
