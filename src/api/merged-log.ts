/** The log of a server, and beside it what others say of the server, in one order. */
import type { LogBook, LogEntry } from '../log/log-book.ts';
import type { LogLine } from '../servers/host.ts';
import type { Servers } from '../servers/servers.ts';

/** What can be merged with what a server writes itself. */
export const SOURCES = ['gateway', 'events'] as const;

export interface ServerLog {
  readonly manager: Servers;
  /** Of the gateway's own log. */
  readonly book: LogBook;
  /** Of the server. */
  readonly name: string;
  readonly also: readonly (typeof SOURCES)[number][];
}

/** The newest lines of all that is wanted, oldest first. Rejects with `not-found`, and with what cannot be read. */
export async function readServerLog(
  { manager, book, name, also }: ServerLog,
  tail: number,
): Promise<LogLine[]> {
  const own: LogLine[] = await manager.logs(name, tail);
  if (also.length === 0 || tail === 0) return own;
  const events = also.includes('events') ? ((await manager.happenings?.(name)) ?? []) : [];
  const said = also.includes('gateway') ? book.tail(tail, { server: name }).map(toLine) : [];
  return [...own, ...events, ...said].sort((a, b) => a.at - b.at).slice(-tail);
}

/** Calls `line` for every further line; returns the unsubscribe. Throws `not-found`. */
export function followServerLog(
  { manager, book, name, also }: ServerLog,
  line: (line: LogLine) => void,
): () => void {
  const undo = [manager.followLogs(name, line)];
  if (also.includes('events')) {
    const leave = manager.followHappenings?.(name, line);
    if (leave) undo.push(leave);
  }
  if (also.includes('gateway')) undo.push(followBook(book, name, line));
  return () => {
    for (const step of undo) step();
  };
}

function followBook(book: LogBook, server: string, line: (line: LogLine) => void): () => void {
  const leaving = new AbortController();
  const entries = book.read({ signal: leaving.signal }, { server });
  void (async () => {
    try {
      for await (const entry of entries) line(toLine(entry));
    } catch {
      // Its place has gone: more was written in one turn than is kept. The stream of the server goes on.
    }
  })();
  return () => leaving.abort();
}

function toLine({ at, level, message }: LogEntry): LogLine {
  return { at, pid: 0, text: message, source: 'gateway', level };
}
