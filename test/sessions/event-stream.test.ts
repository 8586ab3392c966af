/** The event log by itself: what is counted, and what its owner is told. */
import { beforeEach, describe, expect, it } from 'vitest';
import { EventStream } from '../../src/sessions/event-stream.ts';
import { READER_WINDOW } from '../../src/sessions/reader.ts';
import { UnreadEvents } from '../../src/sessions/unread-events.ts';
import { TestReader } from './harness.ts';

let buffered = 0;
let lost = 0;
let drained = 0;
let stream: EventStream;

beforeEach(() => {
  [buffered, lost, drained] = [0, 0, 0];
  const owner = {
    buffered: (delta: number) => (buffered += delta),
    lost: (count: number) => (lost += count),
    drained: () => drained++,
  };
  stream = new EventStream(7, { owner, keepsAnswers: true, unread: new UnreadEvents() });
});

function push(kind: 'answer' | 'request' | 'notification', times = 1, bytes = 10): void {
  for (let n = 0; n < times; n++) stream.push(kind, [Buffer.alloc(bytes)]);
}

function reader(after?: number): TestReader {
  const attached = new TestReader(false);
  stream.attach(attached, after);
  return attached;
}

describe('what is lost', () => {
  it('is counted when it is dropped, and not again when a reader comes', () => {
    push('notification', 300);
    expect(lost).toBe(44);
    reader();
    expect(lost).toBe(44);
  });

  it('counts acknowledged notifications that a client asks for again', () => {
    push('notification', 5);
    stream.credit(reader(), 0, 5);
    const first = reader();
    stream.credit(first, 50, 5);
    reader(3);
    expect(lost).toBe(2);
  });

  it('does not count answers, which are kept, nor a reader that names no position', () => {
    push('notification', 2);
    push('answer');
    const first = reader();
    stream.credit(first, 30, 3);
    reader();
    expect(lost).toBe(0);
    expect(reader(2).seqs).toEqual([3]);
    expect(lost).toBe(0);
  });

  it('is notifications only, oldest first, when the reader leaves many behind', () => {
    const first = reader();
    for (let n = 0; n < 200; n++) {
      push('notification', 2);
      push('request');
    }
    stream.detach(first);
    expect(lost).toBe(400 - 256);
    const kinds = reader().events.map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'request')).toHaveLength(200);
  });
});

describe('what is buffered', () => {
  it('is counted for an attached reader only, and is nothing once it has all or leaves', () => {
    push('answer', 3, 100);
    expect(buffered).toBe(0);
    const first = reader();
    expect(buffered).toBe(300);
    stream.credit(first, 300, 3);
    expect(buffered).toBe(0);
    push('answer', 2, 100);
    stream.detach(first);
    expect(buffered).toBe(0);
  });

  it('is never more than a window ahead of the reader, one message excepted', () => {
    const first = reader();
    push('answer', 10, READER_WINDOW / 2);
    expect(first.events).toHaveLength(2);
    stream.credit(first, READER_WINDOW / 2, 1);
    expect(first.events).toHaveLength(3);
    expect(stream.backlog).toBe((READER_WINDOW / 2) * 7);
  });

  it('cannot be credited beyond what was given', () => {
    const first = reader();
    push('answer', 1, 100);
    stream.credit(first, 1_000_000);
    expect(buffered).toBe(0);
  });
});

describe('the end', () => {
  it('is told to the reader once, behind the last event, and to the owner when all is acknowledged', () => {
    const first = reader();
    push('answer');
    stream.finish();
    expect([first.ends, drained]).toEqual([['complete'], 0]);
    stream.credit(first, 10, 1);
    expect([first.ends, drained, stream.reader]).toEqual([['complete'], 1, undefined]);
  });

  it('comes to the owner at once when there is nothing to read', () => {
    stream.finish();
    expect(drained).toBe(1);
  });

  it('comes to a reader that attaches afterwards', () => {
    push('answer');
    stream.finish();
    const late = reader();
    expect([late.seqs, late.ends]).toEqual([[1], ['complete']]);
  });

  it('forgets everything when told to', () => {
    push('answer', 3);
    const first = reader();
    stream.forget();
    expect([first.ends, buffered]).toEqual([['ended'], 0]);
    expect(reader().events).toEqual([]);
  });
});
