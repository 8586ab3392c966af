/** A server of revision 2025-03-26 may answer several requests in one JSON array, wherever it may answer one. */
import { isBatch, splitBatch } from '../jsonrpc/envelope.ts';
import { NO_LIMITS } from '../jsonrpc/scan-limits.ts';

const MOST_IN_BATCH = 10_000;

/** Calls `take` for each message of a batch, or for what is none as it is. */
export function eachMessage(bytes: Buffer, take: (bytes: Buffer) => void): void {
  if (!isBatch(bytes)) return take(bytes);
  const split = splitBatch(bytes, NO_LIMITS, MOST_IN_BATCH);
  if (!('ranges' in split)) return take(bytes);
  for (const [from, to] of split.ranges) take(bytes.subarray(from, to));
}
