/** The lines of the gateway's own log that are kept for readers. */
import { describe, expect, it } from 'vitest';
import { BerthError } from '../../src/errors.ts';
import { createLog } from '../../src/log/log.ts';
import { LogBook, type LogEntry } from '../../src/log/log-book.ts';
import { createScrubber } from '../../src/log/scrub.ts';

function open(limits?: { items: number; size: number }, format: 'json' | 'text' = 'json') {
  const book = new LogBook(limits);
  const written: string[] = [];
  const log = createLog({
    level: 'debug',
    format,
    secrets: createScrubber(['canary-secret']),
    destination: { write: (line) => written.push(line) },
    book,
  });
  return { book, log, written };
}

const messages = (entries: readonly LogEntry[]): string[] => entries.map(({ message }) => message);

describe('the book of the log', () => {
  it.each(['json', 'text'] as const)('has what was written, without what was taken out (%s)', (format) => {
    const { book, log, written } = open(undefined, format);
    log.trace('below the level');
    log.child({ requestId: 'r1' }).info({ server: 'files', ms: 3 }, 'with canary-secret and Bearer abcdefgh');
    log.error({ error: new BerthError('start-failed', 'no', { phase: 'spawn' }) }, 'failed');
    const [first, second] = book.tail(10);
    expect(first).toEqual({
      id: expect.any(String),
      at: expect.any(Number),
      level: 'info',
      message: 'with [redacted] and Bearer [redacted]',
      server: 'files',
      requestId: 'r1',
      details: { ms: 3 },
    });
    expect(second).toMatchObject({
      level: 'error',
      details: { error: { code: 'start-failed', phase: 'spawn' } },
    });
    expect(Date.now() - (first?.at ?? 0)).toBeLessThan(60_000);
    expect(JSON.stringify(book.tail(10))).not.toContain('canary');
    expect(written).toHaveLength(2);
  });

  it('is asked for what is severe enough, and about one server', () => {
    const { book, log } = open();
    log.debug({ server: 'a' }, 'one');
    log.warn({ server: 'b' }, 'two');
    log.error('three');
    expect(messages(book.tail(10, { level: 'warn' }))).toEqual(['two', 'three']);
    expect(messages(book.tail(10, { server: 'a' }))).toEqual(['one']);
    expect(messages(book.tail(1))).toEqual(['three']);
    expect(book.tail(0)).toEqual([]);
  });

  it('keeps the newest, within bounds', () => {
    const { book, log } = open({ items: 3, size: 100_000 });
    for (let index = 0; index < 10; index++) log.info(String(index));
    expect(messages(book.tail(10))).toEqual(['7', '8', '9']);
    const small = open({ items: 1_000, size: 1_000 });
    for (let index = 0; index < 100; index++) small.log.info('x'.repeat(100));
    expect(JSON.stringify(small.book.tail(1_000)).length).toBeLessThan(3_000);
  });

  it('cuts what is very long', () => {
    const { book, log } = open();
    log.warn({ server: 'a', document: 'x'.repeat(100_000) }, 'y'.repeat(50_000));
    const [entry] = book.tail(1);
    expect(entry).toMatchObject({ level: 'warn', server: 'a' });
    expect(entry?.message).toMatch(/^y{1000} \[…\]$/);
    expect(entry?.details).toBeUndefined();
  });

  it('shows a line that redaction has made unreadable as it is', () => {
    const book = new LogBook();
    book.add('{"level":30,"msg":[redacted]}\n');
    expect(book.tail(1)).toMatchObject([{ level: 'info', message: '{"level":30,"msg":[redacted]}' }]);
  });

  it('is read on from a place, and tells who was away for too long', async () => {
    const { book, log } = open({ items: 2, size: 100_000 });
    const start = book.position;
    log.info('one');
    const leaving = new AbortController();
    const read = book.read({ after: start, signal: leaving.signal }, { level: 'info' });
    expect((await read.next()).value).toMatchObject({ message: 'one' });
    const next = read.next();
    log.debug('not wanted');
    log.info('two');
    expect((await next).value).toMatchObject({ message: 'two' });
    for (const text of ['three', 'four', 'five']) log.info(text);
    await expect(read.next()).rejects.toMatchObject({ code: 'position-expired' });
    expect(() => book.read({ after: start, signal: leaving.signal })).toThrow(/no longer known/);
    expect(() => book.read({ after: 'nonsense', signal: leaving.signal })).toThrow(/must be the id/);
    leaving.abort();
  });

  it('forgets, and who has read everything goes on', async () => {
    const { book, log } = open();
    const leaving = new AbortController();
    const read = book.read({ signal: leaving.signal });
    log.info('one');
    expect((await read.next()).value).toMatchObject({ message: 'one' });
    const next = read.next();
    book.clear();
    expect(book.tail(10)).toEqual([]);
    log.info('two');
    expect((await next).value).toMatchObject({ message: 'two' });
    expect(messages(book.tail(10))).toEqual(['two']);
    leaving.abort();
  });
});
