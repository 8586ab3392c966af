/** The answer of a watch: one JSON text a line, each with what happened to one object. */
import type { IncomingMessage } from 'node:http';
import type { Cancel, Clock } from '../clock.ts';
import { BerthError } from '../errors.ts';
import { LineSplitter } from '../jsonrpc/framing.ts';
import { ApiStatus, refusalError } from './api-status.ts';
import type { KubeObject } from './resources.ts';

/** Milliseconds without a byte after which a watch is dead: bookmarks come about once a minute. */
export const STALL_LIMIT = 150_000;
/** Bytes of one event; an object in etcd has at most 1.5 MiB. */
const MOST_LINE = 16 * 1024 * 1024;

export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: T;
}

/**
 * Hands on the events until the answer ends; a last line that was cut off is dropped. Rejects with BerthError: as the server
 * reports it, `internal` for what is no event, `busy` when the answer breaks off or falls silent.
 */
export async function readWatch<T extends KubeObject>(
  answer: IncomingMessage,
  clock: Clock,
  take: (event: WatchEvent<T>) => void,
): Promise<void> {
  const lines = new LineSplitter(MOST_LINE, {
    line: (bytes) => {
      if (bytes.length > 0) take(readEvent(bytes));
    },
    oversized: () => {
      throw unreadable('an event is too long');
    },
  });
  let cancel: Cancel = () => {};
  const listen = (): void => {
    cancel();
    cancel = clock.after(STALL_LIMIT, () => answer.destroy(silent()));
  };
  try {
    listen();
    for await (const bytes of answer) {
      listen();
      lines.push(bytes as Buffer);
    }
  } catch (error) {
    throw error instanceof BerthError ? error : broken(error);
  } finally {
    cancel();
    answer.destroy();
  }
}

function readEvent<T extends KubeObject>(bytes: Buffer): WatchEvent<T> {
  const { type, object } = parse(bytes);
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
    case 'BOOKMARK':
      if (typeof object?.metadata !== 'object') throw unreadable('an event without an object');
      return { type, object: object as unknown as T };
    case 'ERROR':
      throw reported(object);
    default:
      throw unreadable('an event of an unknown type');
  }
}

interface RawEvent {
  readonly type?: unknown;
  readonly object?: Readonly<Record<string, unknown>> | null;
}

function parse(bytes: Buffer): RawEvent {
  try {
    return (JSON.parse(bytes.toString('utf8')) ?? {}) as RawEvent;
  } catch (error) {
    throw unreadable('a line that is no JSON', error);
  }
}

function reported(object: RawEvent['object']): BerthError {
  const { code, message, reason } = object ?? {};
  const text = { message: String(message ?? ''), reason: String(reason ?? '') };
  return refusalError('go on watching', new ApiStatus(typeof code === 'number' ? code : 500, text));
}

function unreadable(what: string, cause?: unknown): BerthError {
  return new BerthError('internal', `cannot read the answer of a watch: ${what}`, { cause });
}

function broken(cause: unknown): BerthError {
  return new BerthError('busy', 'the connection of a watch broke', { cause });
}

function silent(): BerthError {
  return new BerthError('busy', `a watch said nothing for ${STALL_LIMIT / 1_000} s`);
}
