/** Completion as a shell asks for it: of the real program, which writes to standard output itself. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { CODE_CACHE } from '../support/code-cache.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

async function berth(...args: readonly string[]): Promise<string> {
  const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent', ...CODE_CACHE };
  return (await promisify(execFile)(process.execPath, [MAIN, ...args], { env })).stdout;
}

describe('completion', () => {
  it.each(['bash', 'zsh', 'fish'])('has a script for %s that asks the command itself', async (shell) => {
    expect(await berth('completion', shell)).toMatch(/berth[\s\S]*complete --/);
  });

  it('knows commands, commands below commands, options and their choices', async () => {
    const names = async (...words: string[]) =>
      (await berth('complete', '--', ...words)).split('\n').map((line) => line.split('\t')[0]);
    expect(await names('con')).toEqual(expect.arrayContaining(['connect', 'context']));
    expect(await names('con')).not.toContain('run');
    expect(await names('context', '')).toEqual(expect.arrayContaining(['ls', 'set', 'use', 'rm']));
    expect(await names('connect', '--')).toEqual(expect.arrayContaining(['--write', '--scope']));
    expect(await names('connect', '--scope', '')).toEqual(expect.arrayContaining(['user', 'project']));
  });
});
