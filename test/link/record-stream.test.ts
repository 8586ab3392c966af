/** When records leave, by timers that are moved by hand. */

import type { Http2Stream } from 'node:http2';
import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { RecordStream } from '../../src/link/record-stream.ts';

let written: string[];
let records: RecordStream;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  written = [];
  const stream = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk.toString());
      done();
    },
  });
  records = new RecordStream(stream as Http2Stream, { record: () => {}, closed: () => {} });
});
afterEach(() => {
  vi.useRealTimers();
});

const send = (text: string) => records.send([Buffer.from(text)]);
const sendLater = (text: string, within: number) => records.sendLater([Buffer.from(text)], within);

it('sends what one turn brings in one piece', async () => {
  send('a');
  send('b');
  expect(written).toEqual([]);
  await turn();
  expect(written).toEqual(['ab']);
});

it('keeps what nobody waits for until something else leaves, in its order', async () => {
  sendLater('read', 10);
  vi.advanceTimersByTime(9);
  send('next');
  await turn();
  expect(written).toEqual(['readnext']);
  vi.advanceTimersByTime(100);
  expect(written).toEqual(['readnext']);
});

it('sends by itself what has waited its time, and with it what might have waited longer', () => {
  sendLater('slow', 10);
  sendLater('fast', 2);
  vi.advanceTimersByTime(1);
  sendLater('slower', 20);
  expect(written).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(written).toEqual(['slowfastslower']);
  vi.advanceTimersByTime(100);
  expect(written).toEqual(['slowfastslower']);
});

it('sends at its end what waits, and nothing afterwards', () => {
  sendLater('read', 10);
  records.end();
  sendLater('too late', 10);
  vi.advanceTimersByTime(100);
  expect(written).toEqual(['read']);
});
