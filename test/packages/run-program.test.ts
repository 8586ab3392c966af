/** How an installer is run, with programs that are none. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ProgramRun, runProgram } from '../../src/packages/run-program.ts';
import { eventually, isRunning } from '../support/local-process.ts';

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'berth-run-'));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

const run = (file: string, args: readonly string[], more: Partial<ProgramRun> = {}) =>
  runProgram({ ...{ file, args, cwd }, env: { PATH: process.env.PATH ?? '' }, ...more });
const shell = (text: string, more: Partial<ProgramRun> = {}) => run('/bin/sh', ['-c', text], more);

/** A process that leaves the group and keeps the output open; its id, to be ended by whoever started it. */
const STAYS = 'setsid sleep 60 & echo $! > pid';
const stays = (): Promise<number> =>
  eventually('the process that stays', () => {
    const path = join(cwd, 'pid');
    return (existsSync(path) && Number(readFileSync(path, 'utf8'))) || undefined;
  });

describe('a program', () => {
  it('is run to its end, whatever its exit code', async () => {
    expect(await shell('echo out; echo err >&2; exit 3')).toEqual({
      ...{ code: 3, stdout: 'out\n', stderr: ['err'] },
    });
    expect((await run('/no/such/program', [])).code).toBeNull();
  });

  it('is over with its own end, though something of it holds the output', async () => {
    const { code, stdout } = await shell(`${STAYS}; echo done`);
    expect([code, stdout]).toEqual([0, 'done\n']);
    process.kill(await stays(), 'SIGKILL');
  });

  it('that is called off is ended, and so is the wait for what holds its output', async () => {
    const enough = new AbortController();
    let pid = 0;
    const running = shell(`${STAYS}; exec sleep 60`, {
      signal: enough.signal,
      started: (one) => {
        pid = one;
      },
    });
    const left = await stays();
    enough.abort(new Error('enough'));
    await expect(running).rejects.toThrow('enough');
    expect(isRunning(pid)).toBe(false);
    process.kill(left, 'SIGKILL');
  });

  it('that cannot be noted is not left running', async () => {
    let pid = 0;
    const started = (one: number): never => {
      pid = one;
      throw new Error('no space left');
    };
    await expect(run('/bin/sleep', ['60'], { started })).rejects.toThrow('no space left');
    expect(isRunning(pid)).toBe(false);
  });

  it('that says too much has the beginning of it kept, without a gap', async () => {
    const most = 4 * 1024 * 1024;
    const code = `process.stdout.write('a'.repeat(${most} - 10));
      setTimeout(() => process.stdout.write('b'.repeat(100)), 100); setTimeout(() => process.stdout.write('END'), 200);`;
    const { stdout } = await run(process.execPath, ['-e', code]);
    expect(stdout.length).toBe(most);
    expect(stdout.slice(-12)).toBe('aabbbbbbbbbb');
  });
});
