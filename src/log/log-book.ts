/** The newest lines of the gateway's own log, as they were written, for those who may read them over the API. */
import { BoundedLog, type BoundedLogLimits, type LogItem, type ReadOptions } from './bounded-log.ts';
import { LEVELS } from './line.ts';

/** Least severe first. */
export const ENTRY_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type EntryLevel = (typeof ENTRY_LEVELS)[number];

export interface LogEntry {
  /** Its place, as in {@link BoundedLog}. */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly level: EntryLevel;
  readonly message: string;
  /** Name of the server that it is about. */
  readonly server?: string;
  readonly requestId?: string;
  /** Everything else that was said with it. */
  readonly details?: Readonly<Record<string, unknown>>;
}

export interface EntryFilter {
  /** This severe at least. */
  readonly level?: EntryLevel | undefined;
  /** About this server only. */
  readonly server?: string | undefined;
}

const LIMITS: BoundedLogLimits = { items: 1_000, size: 2 * 1024 * 1024 };
/** Characters of one line that are kept: a longer one has a stack or a document in it. */
const MOST_LINE = 16 * 1024;
const CUT_MESSAGE = 1_000;

export class LogBook {
  readonly #log: BoundedLog<LogItem>;

  constructor(limits: BoundedLogLimits = LIMITS) {
    this.#log = new BoundedLog(limits);
  }

  /** Of the newest line. */
  get position(): string {
    return this.#log.position;
  }

  /** Takes one line of JSON, secrets already out of it. It is looked at only when somebody reads. */
  add(line: string): void {
    this.#log.add((id) => ({ id, text: line.length > MOST_LINE ? cut(line) : line }));
  }

  /** The newest entries that pass, oldest first. */
  tail(entries: number, filter: EntryFilter = {}): LogEntry[] {
    if (entries === 0) return [];
    return this.#log.items
      .map(toEntry)
      .filter((entry) => passes(entry, filter))
      .slice(-entries);
  }

  /** Throws like {@link BoundedLog.read}. */
  read(options: ReadOptions, filter: EntryFilter = {}): AsyncGenerator<LogEntry, void> {
    return only(this.#log.read(options), filter);
  }

  /** Forgets what is kept; what was written elsewhere stays there. */
  clear(): void {
    this.#log.clear();
  }
}

async function* only(
  items: AsyncGenerator<LogItem, void>,
  filter: EntryFilter,
): AsyncGenerator<LogEntry, void> {
  for await (const item of items) {
    const entry = toEntry(item);
    if (passes(entry, filter)) yield entry;
  }
}

function passes(
  { level, server }: LogEntry,
  { level: least = 'trace', server: wanted }: EntryFilter,
): boolean {
  if (wanted !== undefined && server !== wanted) return false;
  return ENTRY_LEVELS.indexOf(level) >= ENTRY_LEVELS.indexOf(least);
}

function toEntry({ id, text }: LogItem): LogEntry {
  const { level, time, msg, server, requestId, ...rest } = parse(text);
  const name = LEVELS[String(level)] as EntryLevel | undefined;
  return {
    id,
    at: Date.parse(String(time)) || 0,
    level: name ?? 'info',
    message: String(msg ?? ''),
    ...(typeof server === 'string' && { server }),
    ...(typeof requestId === 'string' && { requestId }),
    ...(Object.keys(rest).length > 0 && { details: rest }),
  };
}

/** A line that redaction has made unreadable is its own message. */
function parse(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return { msg: line.trimEnd() };
  }
}

function cut(line: string): string {
  const { level, time, msg, server, requestId } = parse(line);
  const text = `${String(msg ?? '').slice(0, CUT_MESSAGE)} […]`;
  return JSON.stringify({ level, time, msg: text, server, requestId });
}
