import { expect, it } from 'vitest';
import { describeExit, type ExecExit } from '../../src/cluster/exec-exit.ts';

it.each<[ExecExit, string]>([
  [{ kind: 'exited', code: 7 }, 'the command ended with exit code 7'],
  [
    { kind: 'failed', reason: 'InternalError', message: 'no such file' },
    'the command did not run: no such file',
  ],
  [{ kind: 'failed', reason: 'InternalError', message: '' }, 'the command did not run: InternalError'],
  [{ kind: 'failed', reason: '', message: '' }, 'the command did not run: no reason was given'],
  [{ kind: 'lost', message: 'close code 1006' }, 'the connection broke: close code 1006'],
  [{ kind: 'closed' }, 'the connection was closed'],
])('%j is said in words', (exit, words) => {
  expect(describeExit(exit)).toBe(words);
});
