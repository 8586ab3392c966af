/** JSON lines that a client of the API reads. */
import { expect, it } from 'vitest';
import { readLines } from '../../src/client/lines.ts';
import { parseExact } from '../../src/exact-json.ts';

async function all(chunks: Iterable<Uint8Array>): Promise<unknown[]> {
  const values: unknown[] = [];
  for await (const value of readLines(chunks)) values.push(value);
  return values;
}

it('gives one value for each line, wherever the bytes are cut', async () => {
  const bytes = Buffer.from('{"a":"ż🎉"}\n\n{"b":2}\n3');
  for (let cut = 0; cut <= bytes.length; cut++)
    expect(await all([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual([{ a: 'ż🎉' }, { b: 2 }, 3]);
});

it('gives up on a line without end', async () => {
  const chunk = Buffer.alloc(1024 * 1024, '1');
  await expect(all([chunk, chunk, chunk, chunk, chunk])).rejects.toThrow('line too long');
});

it('reads each line as it is told to', async () => {
  const values: unknown[] = [];
  for await (const value of readLines([Buffer.from('12345678901234567890\n\n1')], parseExact))
    values.push(value);
  expect(values.map((value) => JSON.stringify(value))).toEqual(['12345678901234567890', '1']);
});
