import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChunkList } from '../../src/jsonrpc/chunk-list.ts';

function listOf(chunks: readonly Uint8Array[]): ChunkList {
  const list = new ChunkList();
  for (const chunk of chunks) list.add(Buffer.from(chunk));
  return list;
}

describe('ChunkList', () => {
  it('gives back the bytes in order, however they were cut', () => {
    const chunk = fc.oneof(
      fc.uint8Array({ maxLength: 8 }),
      fc.uint8Array({ minLength: 1_000, maxLength: 3_000 }),
    );
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 60 }), (chunks) => {
        const list = listOf(chunks);
        const whole = Buffer.concat(chunks);
        expect(list.size).toBe(whole.length);
        expect(list.take()).toEqual(whole);
        expect(list.size).toBe(0);
        expect(list.take()).toHaveLength(0);
      }),
      { numRuns: 200 },
    );
  });

  it('does not copy what came in one chunk, nor large chunks', () => {
    const one = Buffer.from('{"a":1}');
    expect(listOf([]).take()).toHaveLength(0);
    const list = new ChunkList();
    list.add(one);
    expect(list.take()).toBe(one);
    const large = [Buffer.alloc(2_000, 'a'), Buffer.alloc(2_000, 'b')];
    for (const chunk of large) list.add(chunk);
    const parts = list.takeParts();
    expect(parts[0]).toBe(large[0]);
    expect(parts[1]).toBe(large[1]);
  });

  it('holds few buffers for a message that comes byte by byte', () => {
    const list = new ChunkList();
    const byte = Buffer.from('x');
    for (let count = 0; count < 1_048_576; count++) list.add(byte);
    expect(list.held).toBeLessThan(70);
    expect(list.take()).toEqual(Buffer.alloc(1_048_576, 'x'));
  });

  it('keeps what it gave away apart from what comes later', () => {
    const list = listOf([Buffer.from('ab'), Buffer.from('cd')]);
    const first = list.take();
    for (const text of ['xy', 'zw']) list.add(Buffer.from(text));
    expect(first.toString()).toBe('abcd');
    expect(list.take().toString()).toBe('xyzw');
  });
});
