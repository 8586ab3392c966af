import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineSplitter } from '../../src/jsonrpc/framing.ts';

interface Seen {
  lines: string[];
  oversized: { id: string | undefined; bytes: number; asks: boolean }[];
}

function split(chunks: readonly Buffer[], maxBytes: number): Seen {
  const seen: Seen = { lines: [], oversized: [] };
  const splitter = new LineSplitter(maxBytes, {
    line: (bytes) => seen.lines.push(bytes.toString()),
    oversized: (id, bytes, asks) => seen.oversized.push({ id, bytes, asks }),
  });
  for (const chunk of chunks) {
    // What is of no use is overwritten: nothing may be read from it any more.
    if (!splitter.push(chunk)) chunk.fill('"');
  }
  splitter.end();
  return seen;
}

describe('newline framing', () => {
  it('yields the same lines wherever the bytes are cut, UTF-8 included', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme' }).map((text) => text.replace(/[\r\n]/g, ''))),
        fc.array(fc.nat(500)),
        (lines, cuts) => {
          const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
          const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
          const chunks = [...at, bytes.length].map((cut, index) =>
            bytes.subarray(index === 0 ? 0 : at[index - 1], cut),
          );
          expect(split(chunks, 1 << 20).lines).toEqual(lines);
        },
      ),
    );
  });

  it('says of every chunk whether it lies wholly inside a line that is thrown away', () => {
    const splitter = new LineSplitter(4, { line: () => undefined, oversized: () => undefined });
    const used = ['ab', 'cdef', 'ghi', 'j\n', 'kl', 'm\nn', 'opqrst', 'u\nv', 'w\n'].map((text) =>
      splitter.push(Buffer.from(text)),
    );
    expect(used).toEqual([true, true, false, true, true, true, true, true, true]);
  });

  it('takes CRLF and a last line without a break', () => {
    expect(split([Buffer.from('a\r\nb\r'), Buffer.from('\nc')], 100).lines).toEqual(['a', 'b', 'c']);
  });

  it('throws a line over the limit away, says whose answer it was, and goes on with the next', () => {
    const long = `{"jsonrpc":"2.0","id":42,"result":"${'x'.repeat(200)}"}\n`;
    const late = `{"result":"${'x'.repeat(200)}","jsonrpc":"2.0","id":"é"}\n`;
    for (const size of [1, 7, 64, 10_000]) {
      const bytes = Buffer.from(`${long}ok\n${late}fine\n`);
      const chunks = [];
      for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
      const seen = split(chunks, 100);
      expect(seen.lines).toEqual(['ok', 'fine']);
      expect(seen.oversized.map((line) => line.bytes)).toEqual([
        long.length - 1,
        Buffer.byteLength(late) - 1,
      ]);
      expect(seen.oversized[0]?.id).toBe('42');
      expect(Buffer.from(seen.oversized[1]?.id ?? '', 'latin1').toString()).toBe('"é"');
    }
  });

  it('holds the limit at the boundary', () => {
    expect(split([Buffer.from(`${'x'.repeat(10)}\n${'y'.repeat(11)}\n`)], 10)).toEqual({
      lines: ['x'.repeat(10)],
      oversized: [{ id: undefined, bytes: 11, asks: false }],
    });
  });

  it('tells a request from an answer, wherever its method stands', () => {
    const pad = 'x'.repeat(200);
    const lines = [
      `{"jsonrpc":"2.0","id":1,"method":"m","params":"${pad}"}`,
      `{"params":{"pad":"${pad}"},"id":2,"method":"m","jsonrpc":"2.0"}`,
      `{"id":3,"result":{"method":"m","pad":"${pad}"}}`,
      `{"method":"m","params":"${pad}"}`,
    ];
    for (const size of [1, 7, 10_000]) {
      const bytes = Buffer.from(lines.join('\n'));
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) =>
        Buffer.from(bytes.subarray(n * size, (n + 1) * size)),
      );
      expect(split(chunks, 30).oversized.map(({ id, asks }) => [id, asks])).toEqual([
        ['1', true],
        ['2', true],
        ['3', false],
        [undefined, true],
      ]);
    }
  });
});
