import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SLOT } from '../../src/jsonrpc/member-names.ts';
import { NO_LIMITS } from '../../src/jsonrpc/scan-limits.ts';
import { Scanner } from '../../src/jsonrpc/scanner.ts';

function scanWhole(bytes: Buffer, limits = NO_LIMITS): Scanner {
  const scanner = new Scanner();
  scanner.reset(limits);
  scanner.feed(bytes, 0, bytes.length);
  scanner.finish();
  return scanner;
}

function scanSplit(bytes: Buffer, cuts: readonly number[]): Scanner {
  const scanner = new Scanner();
  scanner.reset(NO_LIMITS, true);
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    // A copy of its own, so that nothing can be read beyond the chunk.
    const chunk = Buffer.from(bytes.subarray(from, cut));
    if (scanner.fault === undefined) scanner.feed(chunk, 0, chunk.length);
    from = cut;
  }
  scanner.finish();
  return scanner;
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function slotText(scanner: Scanner, bytes: Buffer, slot: number): string | undefined {
  const start = scanner.starts[slot] as number;
  return start < 0 ? undefined : bytes.toString('utf8', start, scanner.ends[slot]);
}

const message = fc.record(
  {
    jsonrpc: fc.constant('2.0'),
    id: fc.oneof(fc.string(), fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true })),
    method: fc.string(),
    params: fc.oneof(
      fc.record(
        {
          _meta: fc.record(
            { progressToken: fc.oneof(fc.string(), fc.integer()), x: fc.jsonValue() },
            { requiredKeys: [] },
          ),
          uri: fc.string(),
          requestId: fc.integer(),
          y: fc.jsonValue(),
        },
        { requiredKeys: [] },
      ),
      fc.jsonValue(),
    ),
    result: fc.jsonValue(),
    extra: fc.jsonValue(),
  },
  { requiredKeys: [] },
);

describe('the envelope scan', () => {
  it('accepts exactly what JSON.parse accepts', () => {
    const spoiled = fc.tuple(
      fc.json(),
      fc.nat(),
      fc.constantFrom(
        '',
        '"',
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '\\',
        '0',
        '-',
        '.',
        'e',
        't',
        'null',
        ' ',
        '\n',
        '\u0001',
        'é',
        '\\u12',
        '1.',
        '01',
        '+1',
        '1e',
        '.5',
        '-0',
        '\ufeff',
      ),
      fc.nat(3),
    );
    fc.assert(
      fc.property(spoiled, ([json, at, insert, cut]) => {
        const where = json.length === 0 ? 0 : at % (json.length + 1);
        const text = json.slice(0, where) + insert + json.slice(where + cut);
        if (/"__proto__"|jsonrpc|"id"|method|params|result|error/i.test(text)) return;
        expect(scanWhole(Buffer.from(text)).fault === undefined, text).toBe(parses(text));
      }),
      { numRuns: 20_000 },
    );
  });

  it.each([
    '',
    ' ',
    '1',
    '-',
    '-1',
    '01',
    '1.',
    '1.5',
    '1e5',
    '1e',
    '1E+',
    '1e+5',
    '.5',
    'true',
    'tru',
    'nulll',
    '"a',
    '"\\u00e9"',
    '"\\x"',
    '"\u007f"',
    '[]',
    '[1,]',
    '[,1]',
    '{}',
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    '{"a":1}x',
    '[1}',
    '{"a":1]',
    ' {"a" : [ ] } ',
    '[[[]]]',
    '\t\r\n1\t',
    '"\u2028"',
  ])('agrees with JSON.parse on %j', (text) => {
    expect(scanWhole(Buffer.from(text)).fault === undefined).toBe(parses(text));
  });

  it('finds the same fields as JSON.parse, wherever the bytes are cut', () => {
    fc.assert(
      fc.property(message, fc.array(fc.nat(400), { maxLength: 4 }), fc.nat(3), (value, cuts, indent) => {
        const bytes = Buffer.from(JSON.stringify(value, null, indent));
        const sorted = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
        for (const scanner of [scanWhole(bytes), scanSplit(bytes, sorted)]) {
          expect(scanner.fault).toBeUndefined();
          for (const name of ['jsonrpc', 'id', 'method', 'params', 'result'] as const) {
            const text = slotText(scanner, bytes, SLOT[name]);
            expect(text === undefined ? undefined : JSON.parse(text)).toEqual(
              value[name] === undefined ? undefined : JSON.parse(JSON.stringify(value[name])),
            );
          }
          const params = value.params as { _meta?: { progressToken?: unknown }; uri?: string } | undefined;
          const isObject = typeof params === 'object' && params !== null && !Array.isArray(params);
          const uri = slotText(scanner, bytes, SLOT.uri);
          if (isObject && typeof params.uri === 'string') expect(JSON.parse(uri as string)).toBe(params.uri);
          const token = slotText(scanner, bytes, SLOT.metaToken);
          const meta = isObject ? params._meta : undefined;
          const want =
            typeof meta === 'object' && meta !== null && !Array.isArray(meta)
              ? meta.progressToken
              : undefined;
          expect(token === undefined ? undefined : JSON.parse(token)).toEqual(want);
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it('finds the same places when cut at every single byte', () => {
    const bytes = Buffer.from(
      '{"result":{"t":"é\\u00e9\\"","a":[1,-2.5e+3,true,null]},"jsonrpc":"2.0","params":{"_meta":{"progressToken":"ü"},"uri":"x"},"id":9007199254740993}',
    );
    const whole = scanWhole(bytes);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const split = scanSplit(bytes, [cut]);
      expect(split.fault).toBeUndefined();
      expect([...split.starts]).toEqual([...whole.starts]);
      expect([...split.ends]).toEqual([...whole.ends]);
      expect(split.idText).toBe('9007199254740993');
    }
    const bytewise = scanSplit(
      bytes,
      Array.from({ length: bytes.length }, (_, index) => index),
    );
    expect([...bytewise.ends]).toEqual([...whole.ends]);
  });

  it('reads long strings like short ones, wherever something special stands in them', () => {
    const special = fc.constantFrom(
      '"',
      '\\',
      '\n',
      '\u0001',
      '\\"',
      '\\u00e9',
      'é',
      '\u007f',
      '',
      '!',
      '#',
      '[',
      ']',
    );
    fc.assert(
      fc.property(special, fc.nat(700), fc.nat(700), fc.nat(7), (text, before, after, offset) => {
        const json = `${' '.repeat(offset)}{"a":"${'x'.repeat(before)}${text}${'ÿy'.repeat(after)}"}`;
        expect(scanWhole(Buffer.from(json)).fault === undefined).toBe(parses(json));
      }),
      { numRuns: 3_000 },
    );
  });

  it.each([
    ['twice', '{"id":1,"id":2}'],
    ['escaped', '{"\\u0069d":1}'],
    ['in another case', '{"Method":"x"}'],
    ['in another case by Unicode folding', '{"re\u017fult":1}'],
    ['in another case by an escaped folding', '{"re\\u017fult":1}'],
    ['as a prototype', '{"__proto__":{}}'],
    ['as an escaped prototype', '{"__\\u0070roto__":{}}'],
    ['twice in _meta', '{"params":{"_meta":{"progressToken":1,"progressToken":2}}}'],
  ])('refuses an envelope name %s', (_, text) => {
    const bytes = Buffer.from(text);
    expect(scanWhole(bytes).fault).toBe('envelope');
    for (let cut = 0; cut < bytes.length; cut++) expect(scanSplit(bytes, [cut]).fault).toBe('envelope');
  });

  const names = ['jsonrpc', 'id', 'method', 'params', 'result', 'error'];
  const escaped = (name: string, at: number): string =>
    `${name.slice(0, at)}\\u${name.charCodeAt(at).toString(16).padStart(4, '0')}${name.slice(at + 1)}`;
  it.each(names)('refuses %s twice, in another case, and with any of its letters escaped', (name) => {
    const texts = [
      `{"${name}":1,"${name}":1}`,
      `{"${name.toUpperCase()}":1}`,
      `{"${name[0]?.toUpperCase()}${name.slice(1)}":1}`,
      ...Array.from(name, (_, at) => `{"${escaped(name, at)}":1}`),
    ];
    expect(texts.filter((text) => scanWhole(Buffer.from(text)).fault !== 'envelope')).toEqual([]);
    expect(scanWhole(Buffer.from(`{"${name}":1}`)).fault).toBeUndefined();
  });

  it('leaves such names alone where they are no envelope names', () => {
    expect(
      scanWhole(Buffer.from('{"x":{"id":1,"id":2,"Method":1,"__proto__":1},"y":[{"\\u0069d":1}]}')).fault,
    ).toBeUndefined();
  });

  it('reads a name inside params with its escapes resolved', () => {
    const bytes = Buffer.from('{"params":{"\\u0075ri":"u","_meta":{"progress\\u0054oken":7}}}');
    const scanner = scanWhole(bytes);
    expect(slotText(scanner, bytes, SLOT.uri)).toBe('"u"');
    expect(slotText(scanner, bytes, SLOT.metaToken)).toBe('7');
  });

  it('holds the limits of depth and elements at the boundary', () => {
    const nested = (depth: number): Buffer => Buffer.from('['.repeat(depth) + ']'.repeat(depth));
    const limits = { depth: 64, elements: 10 };
    expect(scanWhole(nested(64), { ...limits, elements: 100 }).fault).toBeUndefined();
    expect(scanWhole(nested(65), { ...limits, elements: 100 }).fault).toBe('limit');
    expect(scanWhole(Buffer.from(JSON.stringify(Array(10).fill(0))), limits).fault).toBeUndefined();
    expect(scanWhole(Buffer.from(JSON.stringify(Array(11).fill(0))), limits).fault).toBe('limit');
  });

  it('survives five million levels of nesting', () => {
    expect(scanWhole(Buffer.alloc(5_000_000, '[')).fault).toBe('syntax');
  });
});
