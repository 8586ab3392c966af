/** Removes trees that no server needs any more. */

import type { TreeStore } from './tree-store.ts';

const MS_PER_DAY = 86_400_000;

export interface CollectPolicy {
  readonly keep: ReadonlySet<string>;
  readonly maxBytes: number;
  readonly maxAgeDays: number;
}

/**
 * Removes half-written trees, trees unused for more than `maxAgeDays`, and then the longest unused ones while all trees
 * together exceed `maxBytes`. A key of `keep` is never removed. `bytes` is what was freed; `now` is in milliseconds since 1970.
 */
export async function collectTrees(
  store: TreeStore,
  policy: CollectPolicy,
  now: number = Date.now(),
): Promise<{ removed: string[]; bytes: number }> {
  await store.sweepScratch(now - MS_PER_DAY);
  const removed: string[] = [];
  let freed = 0;
  for (const key of await store.listBroken()) {
    await store.remove(key);
    removed.push(key);
  }
  const trees = await store.list();
  let total = trees.reduce((sum, tree) => sum + tree.bytes, 0);
  for (const tree of trees) {
    const old = now - tree.lastUsed > policy.maxAgeDays * MS_PER_DAY;
    if (policy.keep.has(tree.key) || !(old || total > policy.maxBytes)) continue;
    await store.remove(tree.key);
    removed.push(tree.key);
    total -= tree.bytes;
    freed += tree.bytes;
  }
  return { removed, bytes: freed };
}
