import { describe, expect, it } from 'vitest';
import { EventReader } from '../../src/channels/event-reader.ts';

const LIMIT = 64;

function reader() {
  const events: string[] = [];
  const tooLong: [string | undefined, number][] = [];
  const read = new EventReader(LIMIT, {
    event: (data, type) => events.push(`${type}:${data.toString('utf8')}`),
    oversized: (id, bytes) => tooLong.push([id, bytes]),
  });
  return { read, events, tooLong };
}

function eventsOf(text: string | Buffer): string[] {
  const { read, events } = reader();
  read.push(Buffer.from(text));
  return events;
}

describe('server-sent events', () => {
  it.each([
    ['data: {"a":1}\n\n', ['message:{"a":1}']],
    ['data:{"a":1}\r\n\r\n', ['message:{"a":1}']],
    ['data: {"a":1}\r\r', ['message:{"a":1}']],
    ['event: endpoint\ndata: /messages\n\n', ['endpoint:/messages']],
    ['data: /messages\nevent: endpoint\n\ndata: 1\n\n', ['endpoint:/messages', 'message:1']],
    [': keepalive\n\n:\n\ndata: 1\n\n', ['message:1']],
    ['data\n\ndata:\n\ndata: 1\n\n', ['message:', 'message:', 'message:1']],
    ['datas: 1\nother: 2\ndata: 3\n\n', ['message:3']],
    ['data: 1\n\ndata: 2', ['message:1']],
    ['\ufeffdata: 1\n\n', ['message:1']],
    ['data:  two\n\n', ['message: two']],
    ['data: [1,\ndata: 2]\n\n', ['message:[1,\r2]']],
    ['data: a:b\n\n', ['message:a:b']],
  ])('of %j', (text, events) => {
    expect(eventsOf(text)).toEqual(events);
  });

  it('are the same wherever the bytes are cut', () => {
    const bytes = Buffer.from(
      'retry: 20\r\nid: ü1\r\nevent: message\r\ndata: {"ż":\r\ndata: "🎉"}\r\n\r\n: x\rdata: 2\n\ndata: 3\r\r',
    );
    const whole = eventsOf(bytes);
    expect(whole).toEqual(['message:{"ż":\r"🎉"}', 'message:2', 'message:3']);
    for (let cut = 1; cut < bytes.length; cut++) {
      const { read, events } = reader();
      read.push(bytes.subarray(0, cut));
      read.push(bytes.subarray(cut));
      expect(events).toEqual(whole);
      expect([read.lastEventId, read.retryMs]).toEqual(['ü1', 20]);
    }
  });

  it('have an id once they are whole, with or without data', () => {
    const { read } = reader();
    read.push(Buffer.from('id: 1\ndata: \n\n'));
    expect(read.lastEventId).toBe('1');
    read.push(Buffer.from('id: 2\n\n'));
    expect(read.lastEventId).toBe('2');
    read.push(Buffer.from('id: 3\ndata: {"cut":'));
    expect(read.lastEventId).toBe('2');
    read.push(Buffer.from('1}\n\ndata: no id\n\nid: \0\n\n'));
    expect(read.lastEventId).toBe('3');
  });

  it('with a time to retry that is no number keep the one before', () => {
    const { read } = reader();
    read.push(Buffer.from('retry: 500\nretry: soon\nretry: -1\nretry: 99999999999\n\n'));
    expect(read.retryMs).toBe(500);
  });

  it('that are too long are thrown away, and say whose answer they were', () => {
    const { read, events, tooLong } = reader();
    const long = `{"id":7,\ndata: "result":"${'x'.repeat(LIMIT)}"}`;
    for (const piece of `data: ${long}\n\ndata: 1\n\n`) read.push(Buffer.from(piece));
    expect(events).toEqual(['message:1']);
    expect(tooLong).toEqual([['7', long.length - 'data: '.length]]);
  });

  it('with endless names or ids hold no memory', () => {
    const { read, events } = reader();
    for (const name of ['', 'id: ', 'event: ', ': ']) {
      read.push(Buffer.from(name));
      for (let n = 0; n < 64; n++) read.push(Buffer.alloc(4_096, 'y'));
      read.push(Buffer.from('\n'));
    }
    read.push(Buffer.from('data: 1\n\n'));
    expect(events).toEqual(['message:1']);
    expect(read.lastEventId).toBeUndefined();
  });
});
