import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BerthError, type ErrorDetails } from '../../src/errors.ts';
import { readRefused, refusedRecord } from '../../src/link/error-record.ts';
import { type LinkRecord, RECORD, RecordSplitter, startRecord } from '../../src/link/record.ts';
import {
  attachRecord,
  callRecord,
  creditRecord,
  endedRecord,
  eventRecord,
  noteRecord,
  readAttach,
  readCall,
  readCredit,
  readEnded,
  readEvent,
  readNote,
} from '../../src/link/record-bodies.ts';
import { message, request } from '../sessions/harness.ts';

function split(chunks: readonly Buffer[]): LinkRecord[] {
  const records: LinkRecord[] = [];
  const splitter = new RecordSplitter((record) => records.push(record));
  for (const chunk of chunks) splitter.push(chunk);
  return records;
}

function bodyOf(parts: readonly Buffer[]): Buffer {
  const [record, ...more] = split([Buffer.concat(parts as Buffer[])]);
  expect(more).toEqual([]);
  return record?.body ?? Buffer.alloc(0);
}

describe('records', () => {
  it('come out as they went in, wherever the bytes are cut', () => {
    const record = fc.record({
      type: fc.constantFrom(...Object.values(RECORD)),
      ref: fc.nat(2 ** 32 - 1),
      body: fc.uint8Array({ maxLength: 40 }),
    });
    fc.assert(
      fc.property(fc.array(record), fc.array(fc.integer({ min: 1, max: 60 })), (records, cuts) => {
        const bytes = Buffer.concat(
          records.flatMap(({ type, ref, body }) => [
            startRecord(type, ref, { fixed: 0, more: body.length }),
            Buffer.from(body),
          ]),
        );
        const chunks: Buffer[] = [];
        let at = 0;
        for (const size of [...cuts, bytes.length]) {
          if (at < bytes.length) chunks.push(bytes.subarray(at, at + size));
          at += size;
        }
        expect(split(chunks).map(({ type, ref, body }) => ({ type, ref, body: [...body] }))).toEqual(
          records.map(({ type, ref, body }) => ({ type, ref, body: [...body] })),
        );
      }),
    );
  });

  it('that no peer sends are refused', () => {
    expect(() => split([Buffer.from([0, 0, 0, 4, 1, 0, 0, 0])])).toThrow(RangeError);
    expect(() => split([Buffer.from([0xff, 0xff, 0xff, 0xff, 1])])).toThrow(RangeError);
  });

  it('carry calls with everything that belongs to them', () => {
    const messages = [message(request('1', 'a/ü', '{"é":"\\ud83d"}')), message(request('"2"'))];
    const open = { delivery: 'single' } as const;
    const sent = { key: 'schlüssel', messages, batch: true, after: 2 ** 40 };
    const { request: got, how } = readCall(bodyOf(callRecord(7, sent, { open, again: true })));
    expect({ ...got, messages: got.messages.map(({ bytes }) => bytes.toString()) }).toEqual({
      ...sent,
      messages: messages.map(({ bytes }) => bytes.toString()),
    });
    expect(got.messages.map(({ envelope }) => envelope.method)).toEqual(['a/ü', 'tools/call']);
    expect(how).toEqual({ open, again: true });
    const plain = readCall(bodyOf(callRecord(7, { key: 'k', messages: [], batch: false }, { again: false })));
    expect(plain).toEqual({ request: { key: 'k', messages: [], batch: false }, how: { again: false } });
  });

  it('carry notes, positions, credit, events and ends', () => {
    const note = readNote(bodyOf(noteRecord(1, 'key', message(request('1')))));
    expect([note.key, note.message.bytes.toString()]).toEqual(['key', request('1')]);
    const how = { open: { delivery: 'streams' }, again: false } as const;
    expect(readAttach(bodyOf(attachRecord(1, { stream: 3, after: 0 }, how)))).toEqual({
      request: { stream: 3, after: 0 },
      how,
    });
    expect(readAttach(bodyOf(attachRecord(1, { stream: 3 }, { again: true })))).toEqual({
      request: { stream: 3 },
      how: { again: true },
    });
    expect(readCredit(bodyOf(creditRecord(1, 2 ** 33, 5)))).toEqual({ bytes: 2 ** 33, seq: 5 });
    const event = {
      seq: 9,
      kind: 'request',
      parts: [Buffer.from('a'), Buffer.from('bc')],
      bytes: 3,
    } as const;
    expect(readEvent(bodyOf(eventRecord(1, event)))).toEqual({ ...event, parts: [Buffer.from('abc')] });
    for (const reason of ['complete', 'superseded', 'slow', 'ended', 'lost'] as const)
      expect(readEnded(bodyOf(endedRecord(1, reason)))).toBe(reason);
  });

  it('refuse what is no message, as an error', () => {
    const broken = { bytes: Buffer.from('{"jsonrpc":"2.0"'), envelope: message(request('1')).envelope };
    expect(() => readNote(bodyOf(noteRecord(1, 'key', broken)))).toThrow(BerthError);
  });

  it('carry errors without their causes', () => {
    const details: ErrorDetails = {
      phase: 'run',
      exitCode: 3,
      signal: null,
      stderr: ['last words'],
      hint: 'do this',
      fields: [{ pointer: '/a', detail: 'wrong' }],
    };
    const error = new BerthError('process-exited', 'gone', { ...details, cause: new Error('secret') });
    const body = bodyOf(refusedRecord(1, error));
    expect(body.toString()).not.toContain('secret');
    const got = readRefused(body);
    expect([got.code, got.message, got.details]).toEqual(['process-exited', 'gone', details]);
  });

  it('take an error of a newer version as internal', () => {
    expect(readRefused(Buffer.from('{"code":"toString","message":"what"}'))).toMatchObject({
      code: 'internal',
      message: 'what',
    });
    expect(readRefused(Buffer.from('nonsense')).code).toBe('internal');
  });
});
