/** Lines for somebody who may not be reading. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LineOutput } from '../../src/supervisor/line-output.ts';
import { readSaidLine } from '../../src/supervisor/said-line.ts';
import { eventually } from '../support/local-process.ts';

const SOURCE = fileURLToPath(new URL('../../src/supervisor/line-output.ts', import.meta.url));
const leftOut = (lines: number): string => `${lines} left out`;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-lines-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('writes every line once, in its order', async () => {
  const path = join(folder, 'out');
  const fd = openSync(path, 'w');
  const output = new LineOutput({ fd, leftOut });
  const lines = Array.from({ length: 5_000 }, (_, index) => `line ${index} é`);
  for (const line of lines) output.add(line);
  const wanted = `${lines.join('\n')}\n`;
  await eventually('all of it', () => readFileSync(path, 'utf8').length === wanted.length);
  expect(readFileSync(path, 'utf8')).toBe(wanted);
  closeSync(fd);
});

it('counts what finds no room, and says so before the next line that does', async () => {
  const path = join(folder, 'out');
  const fd = openSync(path, 'w');
  const output = new LineOutput({ fd, leftOut, most: 20 });
  for (const line of ['first', 'second', 'third one', 'fourth']) output.add(line);
  const wanted = 'first\nsecond\n1 left out\nfourth\n';
  await eventually('all that had room', () => readFileSync(path, 'utf8') === wanted);
  closeSync(fd);
});

describe('a pipe that nobody reads', () => {
  // Blocking as those of containers are, and not blocking as Node may have made it.
  it.each([
    ['that blocks', ''],
    ['that does not', 'process.stdout.write("");'],
  ])(
    '%s keeps the program from nothing, and has what there was room for once somebody does',
    async (_how, first) => {
      const code = `
      import { LineOutput } from ${JSON.stringify(SOURCE)};
      ${first}
      const output = new LineOutput({ fd: 1, leftOut: (lines) => lines + ' left out' });
      for (let line = 0; line < 40_000; line++) output.add('x'.repeat(99));
      // Three turns of the thread pool and of the event loop.
      const { readFile } = await import('node:fs/promises');
      for (let turn = 0; turn < 3; turn++) await readFile('/proc/self/stat');
      process.stderr.write('alive\\n');
      setInterval(() => output.add('tick'), 50);
    `;
      const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      try {
        const [alive] = (await once(child.stderr, 'data')) as [Buffer];
        expect(alive.toString()).toBe('alive\n');
        let text = '';
        child.stdout.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        await eventually('the next tick', () => text.includes('tick\n'));
        const lines = text.split('\n');
        const long = lines.filter((line) => line === 'x'.repeat(99)).length;
        expect(long).toBeGreaterThan(10_000);
        expect(lines[long]).toBe(`${40_000 - long} left out`);
        expect(lines[long + 1]).toBe('tick');
      } finally {
        child.kill('SIGKILL');
      }
    },
  );
});

it.each([
  ['{"time":"x","pid":7,"stderr":"it said {\\"a\\":1}"}', { pid: 7, stderr: 'it said {"a":1}' }],
  ['{"ready":true}', undefined],
  ['{"pid":"7","stderr":"x"}', undefined],
  ['{"pid":7', undefined],
  ['plain', undefined],
  ['null', undefined],
])('%s is read as %j', (text, wanted) => {
  expect(readSaidLine(text)).toEqual(wanted);
});
