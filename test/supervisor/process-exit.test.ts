import { expect, it } from 'vitest';
import { exitDetails } from '../../src/supervisor/process-exit.ts';

it.each([
  [{ code: null, signal: 'SIGKILL' as const }, /memory runs out\. Then raise resources\.limits\.memory/],
  [
    { code: null, signal: 'SIGKILL' as const, outOfMemory: { limitBytes: 67_108_864 } },
    /^Raise resources\.limits\.memory/,
  ],
])('a process that was killed says what may have done that: %j', (exit, hint) => {
  expect(exitDetails(exit).hint).toMatch(hint);
});

it.each([
  { code: 1, signal: null },
  { code: null, signal: 'SIGSEGV' as const },
])('one that ended by itself leaves the hint to its failure: %j', (exit) => {
  expect(exitDetails(exit)).not.toHaveProperty('hint');
});
