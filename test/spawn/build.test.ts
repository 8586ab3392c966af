/** How berth-spawn is built, and that the decoder of its requests stands random input. */
import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { buildSpawn } from '../support/spawn-helper.ts';

const SCRIPT = fileURLToPath(new URL('../../spawn/build.sh', import.meta.url));

it('the decoder of requests takes damaged requests without a wrong step', async () => {
  const { stdout, stderr } = await promisify(execFile)(await buildSpawn('fuzz'), ['300000']);
  const [, runs, accepted] = /^(\d+) runs, (\d+) accepted\n$/.exec(stdout) ?? [];
  expect(stderr).toBe('');
  expect(Number(runs)).toBe(300_000);
  // Random input that is never taken would test nothing but the first check.
  expect(Number(accepted)).toBeGreaterThan(1_000);
});

it('the program needs no library at run time', async () => {
  const program = await buildSpawn();
  const { stdout } = await promisify(execFile)('sh', [
    '-c',
    'head -c 8192 "$1" | tr "\\0" "\\n"',
    'sh',
    program,
  ]);
  expect(stdout).not.toMatch(/ld-(linux|musl)/);
});

it('without a compiler the build says what to install', () => {
  const env = { ...process.env, CC: 'no-such-compiler' };
  const { status, stderr } = spawnSync('sh', [SCRIPT, '/tmp/never'], { env, encoding: 'utf8' });
  expect(status).toBe(1);
  expect(stderr).toMatch(/no C compiler 'no-such-compiler'. Install one/);
});
