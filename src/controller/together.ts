/** Calls that do not depend on each other, made at the same time. */

/**
 * Rejects with the first failure in the order given, and not before all are over: nothing goes on behind the back of the next
 * try.
 */
export async function together<T extends readonly unknown[]>(
  calls: {
    readonly [Index in keyof T]: Promise<T[Index]>;
  },
): Promise<T> {
  const ends = await Promise.allSettled(calls as readonly Promise<unknown>[]);
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return ends.map((end) => (end as PromiseFulfilledResult<unknown>).value) as unknown as T;
}
