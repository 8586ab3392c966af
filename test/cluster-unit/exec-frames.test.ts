import { describe, expect, it } from 'vitest';
import { MOST_FRAME, StdinQueue } from '../../src/cluster/exec-frames.ts';

const bytes = (length: number, seed: number): Buffer => Buffer.alloc(length, seed);

function drain(queue: StdinQueue): Buffer[] {
  const frames: Buffer[] = [];
  for (let frame = queue.take(); frame; frame = queue.take()) frames.push(frame);
  return frames;
}

describe('standard input on its way', () => {
  it('puts many small writes into one frame', () => {
    const queue = new StdinQueue();
    for (let at = 0; at < 100; at++) queue.push(bytes(20, at));
    const [frame, ...rest] = drain(queue);
    expect(rest).toEqual([]);
    expect(frame?.[0]).toBe(0);
    expect(frame?.subarray(1)).toEqual(Buffer.concat(Array.from({ length: 100 }, (_, at) => bytes(20, at))));
  });

  it('cuts a long write into frames of at most 32 KiB', () => {
    const queue = new StdinQueue();
    const long = Buffer.from(Array.from({ length: 100_000 }, (_, at) => at % 251));
    queue.push(long);
    const frames = drain(queue);
    expect(frames.map(({ length }) => length)).toEqual([MOST_FRAME, MOST_FRAME, MOST_FRAME, 1_700]);
    expect(Buffer.concat(frames.map((frame) => frame.subarray(1)))).toEqual(long);
  });

  it('keeps the order over writes of every size, taken at any time', () => {
    const queue = new StdinQueue();
    const sent: Buffer[] = [];
    const got: Buffer[] = [];
    for (let round = 0; round < 300; round++) {
      const chunk = bytes((round * 977) % 5_000, round % 256);
      sent.push(chunk);
      queue.push(chunk);
      if (round % 7 === 0) got.push(...[queue.take()].filter((frame) => frame !== undefined));
    }
    got.push(...drain(queue));
    expect(Buffer.concat(got.map((frame) => frame.subarray(1)))).toEqual(Buffer.concat(sent));
    expect(queue.size).toBe(0);
    expect(got.every(({ length }) => length <= MOST_FRAME)).toBe(true);
  });

  it('has nothing for empty writes', () => {
    const queue = new StdinQueue();
    queue.push(Buffer.alloc(0));
    expect(queue.take()).toBeUndefined();
  });
});
