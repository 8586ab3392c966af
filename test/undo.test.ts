import { expect, it } from 'vitest';
import { undoAll } from '../src/undo.ts';

it('takes every step, the last one first, and tells what the first that failed threw', async () => {
  const taken: number[] = [];
  const step =
    (number: number, fails = false) =>
    async () => {
      taken.push(number);
      if (fails) throw new Error(`step ${number}`);
    };
  await undoAll([step(1), step(2)]);
  const some = [step(3), () => void taken.push(4), step(5, true), step(6), step(7, true)];
  await expect(undoAll(some)).rejects.toThrow('step 7');
  expect(taken).toEqual([2, 1, 7, 6, 5, 4, 3]);
});
