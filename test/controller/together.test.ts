import { expect, it } from 'vitest';
import { together } from '../../src/controller/together.ts';

it('gives every value, in the order of the calls', async () => {
  const slow = new Promise<number>((resolve) => setImmediate(() => resolve(1)));
  expect(await together([slow, Promise.resolve('two')])).toEqual([1, 'two']);
});

it('fails with the first failure in that order, once all are over', async () => {
  const slow = Promise.withResolvers<never>();
  let told: unknown;
  const failing = together([slow.promise, Promise.reject(new Error('second'))]).catch((error: Error) => {
    told = error.message;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(told).toBeUndefined();
  slow.reject(new Error('first'));
  await failing;
  expect(told).toBe('first');
});
