/** Medians over rounds, as the tables and the bars need them; NaN where nothing was measured. */
import type { Book } from './book.ts';
import { PEERS } from './contestants.ts';
import type { CallsResult, OpenResult } from './job.ts';
import { median, quantile } from './stats.ts';
import type { IdleResult } from './workloads/idle.ts';
import type { NamesResult } from './workloads/names.ts';
import type { UnreadResult } from './workloads/unread.ts';

/** Everything that one run measured. */
export interface Books {
  readonly calls: Book<CallsResult>;
  readonly opening: Book<OpenResult>;
  readonly catalogue: Book<OpenResult>;
  readonly idle: Book<IdleResult>;
  readonly unread: Book<UnreadResult>;
  readonly names: Book<NamesResult>;
}

/** Median over rounds of one field. */
export function middle<T extends object>(
  book: Book<T>,
  cell: string,
  who: string,
  field: (value: T) => number,
): number {
  return median(book.values(cell, who).map(field));
}

/** Median calls per second. */
export function callsPerSecond(books: Books, cell: string, who: string): number {
  return middle(books.calls, cell, who, (value) => value.perSecond);
}

/** The better peer's calls per second; NaN when no peer has a value. */
export function bestPeer(books: Books, cell: string): number {
  const values = PEERS.map((who) => callsPerSecond(books, cell, who)).filter((value) => !Number.isNaN(value));
  return values.length === 0 ? Number.NaN : Math.max(...values);
}

/** Median over rounds of a quantile of the session open times, in milliseconds. */
export function openTime(books: Books, cell: string, who: string, q: number): number {
  return sampleTime(books.opening, { cell, who, q });
}

/** Median over rounds of a quantile of samples, in milliseconds. */
export function sampleTime(
  book: Book<OpenResult>,
  { cell, who, q }: { readonly cell: string; readonly who: string; readonly q: number },
): number {
  return middle(book, cell, who, ({ samples }) =>
    quantile(
      [...samples].sort((a, b) => a - b),
      q,
    ),
  );
}
