/** Which archives go when there are too many: the longest unused, by age and by size. */
import type { ArchiveStore, StoredArchive } from './archive-store.ts';

export interface CollectPolicy {
  readonly maxBytes: number;
  readonly maxAgeMs: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Digests to remove; `archives` the longest unused first. */
export function toRemove(
  archives: readonly StoredArchive[],
  { maxBytes, maxAgeMs, now }: CollectPolicy,
): string[] {
  let bytes = archives.reduce((sum, one) => sum + one.bytes, 0);
  const removed: string[] = [];
  for (const { digest, bytes: size, lastUsed } of archives) {
    if (now - lastUsed <= maxAgeMs && bytes <= maxBytes) break;
    removed.push(digest);
    bytes -= size;
  }
  return removed;
}

/** Removes them, and returns which. A server that still wants one gets it installed again. */
export async function collect(store: ArchiveStore, policy: CollectPolicy): Promise<string[]> {
  const removed = toRemove(await store.list(), policy);
  for (const digest of removed) await store.remove(digest);
  await store.forgetUploads(policy.now - policy.maxAgeMs);
  return removed;
}
