import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyEdits } from '../../src/jsonrpc/edit.ts';
import { isBatch, scanClientMessage, scanMessage, splitBatch } from '../../src/jsonrpc/envelope.ts';
import { idKey } from '../../src/jsonrpc/id.ts';
import { NO_LIMITS } from '../../src/jsonrpc/scan-limits.ts';

const LIMITS = { depth: 64, elements: 100_000 };

describe('a message', () => {
  it.each([
    ['request', '{"jsonrpc":"2.0","id":1,"method":"a"}'],
    ['request', '{"jsonrpc":"2.0","id":"x","method":"a","params":{}}'],
    ['notification', '{"jsonrpc":"2.0","method":"a"}'],
    ['result', '{"jsonrpc":"2.0","id":1,"result":null}'],
    ['error', '{"jsonrpc":"2.0","id":null,"error":{}}'],
  ])('is a %s: %s', (kind, text) => {
    expect(scanMessage(Buffer.from(text)).envelope?.kind).toBe(kind);
  });

  it.each([
    '[]',
    '1',
    '{}',
    '{"id":1,"method":"a"}',
    '{"jsonrpc":"1.0","id":1,"method":"a"}',
    '{"jsonrpc":"2.0","id":null,"method":"a"}',
    '{"jsonrpc":"2.0","id":{},"method":"a"}',
    '{"jsonrpc":"2.0","id":1,"method":1}',
    '{"jsonrpc":"2.0","id":1,"method":"a","result":1}',
    '{"jsonrpc":"2.0","id":1,"method":"a","params":1}',
    '{"jsonrpc":"2.0","id":1}',
    '{"jsonrpc":"2.0","id":1,"result":1,"error":1}',
    '{"jsonrpc":"2.0","result":1}',
  ])('is none: %s', (text) => {
    expect(scanMessage(Buffer.from(text)).fault?.fault).toBe('invalid');
  });

  it('decodes the method, escapes included', () => {
    expect(
      scanMessage(Buffer.from('{"jsonrpc":"2.0","method":"tools\\/call\\u0021é"}')).envelope?.method,
    ).toBe('tools/call!é');
  });

  it('from a client becomes one line', () => {
    const bytes = Buffer.from('{\r\n "jsonrpc": "2.0",\n "method": "a\\nb"\n}\n');
    const { envelope } = scanClientMessage(bytes, LIMITS);
    expect(envelope?.method).toBe('a\nb');
    expect(bytes.includes(0x0a) || bytes.includes(0x0d)).toBe(false);
    expect(JSON.parse(bytes.toString())).toEqual({ jsonrpc: '2.0', method: 'a\nb' });
  });

  it('from a client with invalid UTF-8 or raw control characters is refused', () => {
    expect(scanClientMessage(Buffer.from([0x22, 0xc3, 0x28, 0x22]), LIMITS).fault?.fault).toBe('utf8');
    expect(scanClientMessage(Buffer.from('{"jsonrpc":"2.0","method":"a\nb"}'), LIMITS).fault?.fault).toBe(
      'syntax',
    );
  });
});

describe('edits', () => {
  const plain =
    '{"a":9007199254740993,"b":1.0,"c":1e400,"jsonrpc":"2.0", "id" : "x" ,"method":"m","params":{"z":1,"_meta":{"progressToken":"t","k":[1.50]}},"d":{"b":1,"a":2}}';

  it.each([0, 40_000])('change the named ranges and nothing else (%i bytes of padding)', (padding) => {
    const text = plain.replace('"z":1', `"z":"${'y'.repeat(padding)}"`);
    const bytes = Buffer.from(text);
    const { envelope } = scanMessage(bytes);
    if (!envelope) throw new Error('no envelope');
    const out = Buffer.concat(
      applyEdits(bytes, [
        { start: envelope.idStart, end: envelope.idEnd, text: '17' },
        { start: envelope.metaTokenStart, end: envelope.metaTokenEnd, text: '17' },
      ]),
    ).toString();
    expect(out).toBe(text.replace('"x"', '17').replace('"t"', '17'));
  });

  it('restore a message byte for byte when undone', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.oneof(fc.string(), fc.integer()), (params, id) => {
        const bytes = Buffer.from(JSON.stringify({ p: params, jsonrpc: '2.0', id, method: 'x' }));
        const first = scanMessage(bytes).envelope;
        if (!first) throw new Error('no envelope');
        const raw = bytes.toString('utf8', first.idStart, first.idEnd);
        const sent = Buffer.concat(
          applyEdits(bytes, [{ start: first.idStart, end: first.idEnd, text: '123456' }]),
        );
        const back = scanMessage(sent).envelope;
        if (!back) throw new Error('no envelope');
        expect(
          Buffer.concat(applyEdits(sent, [{ start: back.idStart, end: back.idEnd, text: raw }])),
        ).toEqual(bytes);
      }),
    );
  });

  it('apply to a range of a batch', () => {
    const bytes = Buffer.from('[1,{"id":5},3]');
    expect(Buffer.concat(applyEdits(bytes, [{ start: 9, end: 10, text: '77' }], 3, 11)).toString()).toBe(
      '{"id":77}',
    );
  });
});

describe('ids', () => {
  it.each([
    ['1', '1.0'],
    ['1', '1e0'],
    ['1', '10e-1'],
    ['100', '1e2'],
    ['-5', '-5.00'],
    ['0', '-0'],
    ['0', '0.0e7'],
    ['"a"', '"\\u0061"'],
    ['1e400', '10E399'],
    ['0.5', '5e-1'],
  ])('%s is %s', (a, b) => {
    expect(idKey(a)).toBe(idKey(b));
  });

  it.each([
    ['1', '"1"'],
    ['9007199254740992', '9007199254740993'],
    ['1', '-1'],
    ['1', '10'],
    ['"A"', '"a"'],
    ['1e400', '1e401'],
    ['0.1', '0.10000000000000001'],
  ])('%s is not %s', (a, b) => {
    expect(idKey(a)).not.toBe(idKey(b));
  });
});

describe('a batch', () => {
  it('splits into the ranges of its messages', () => {
    const bytes = Buffer.from(' [ {"a":[1,{"b":"],["}]} , 2,"x"]\n');
    expect(isBatch(bytes)).toBe(true);
    const split = splitBatch(bytes, LIMITS, 100);
    expect('ranges' in split && split.ranges.map(([from, to]) => bytes.toString('utf8', from, to))).toEqual([
      '{"a":[1,{"b":"],["}]}',
      '2',
      '"x"',
    ]);
  });

  it.each(['[]', '[', '[1', '[1,', '[1,]', '[1]]', '[1]x', '[1 2]', '{}'])('refuses %s', (text) => {
    expect('fault' in splitBatch(Buffer.from(text), NO_LIMITS, 100)).toBe(true);
  });

  it('holds the most messages at the boundary', () => {
    const batch = (size: number): Buffer => Buffer.from(JSON.stringify(Array(size).fill({})));
    expect('ranges' in splitBatch(batch(100), LIMITS, 100)).toBe(true);
    expect('fault' in splitBatch(batch(101), LIMITS, 100)).toBe(true);
  });
});
