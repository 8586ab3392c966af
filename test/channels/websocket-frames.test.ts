/** Frames as a client reads them, fragmented and cut anywhere, and the rules that a server may break. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { closePayload, FrameReader, OPCODE, toFrame } from '../../src/channels/websocket-frames.ts';
import { serverFrame } from '../support/ws-peer.ts';

class Taken {
  readonly texts: string[] = [];
  readonly controls: [number, string][] = [];
  readonly faults: [number, string][] = [];
  #pieces: Buffer[] = [];

  readonly reader = new FrameReader({
    text: (piece) => this.#pieces.push(piece),
    textEnd: () => this.texts.push(Buffer.concat(this.#pieces.splice(0)).toString('utf8')),
    control: (opcode, payload) => this.controls.push([opcode, payload.toString('latin1')]),
    fault: (code, text) => this.faults.push([code, text]),
  });
}

/** The text as frames of the given sizes, with a ping between them. */
function fragments(text: string, sizes: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text);
  const frames: Buffer[] = [];
  let at = 0;
  for (const size of [...sizes, bytes.length]) {
    const opcode = frames.length === 0 ? OPCODE.text : OPCODE.continuation;
    const end = Math.min(at + size, bytes.length);
    const isLast = frames.length / 2 === sizes.length;
    frames.push(
      serverFrame(opcode, bytes.subarray(at, end), { fin: isLast }),
      serverFrame(OPCODE.ping, Buffer.from('p')),
    );
    at = end;
  }
  return frames;
}

describe('the frames of a server', () => {
  it('are the same messages however they are fragmented and cut', () => {
    const message = fc.tuple(fc.string({ maxLength: 400 }), fc.array(fc.nat(200), { maxLength: 4 }));
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 5 }),
        fc.array(fc.nat(3_000), { maxLength: 8 }),
        (said, cuts) => {
          const bytes = Buffer.concat(said.flatMap(([text, sizes]) => fragments(text, sizes)));
          const taken = new Taken();
          const at = [...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length].sort((a, b) => a - b);
          let from = 0;
          for (const to of at) {
            taken.reader.push(Buffer.from(bytes.subarray(from, to)));
            from = to;
          }
          expect(taken.texts).toEqual(said.map(([text]) => Buffer.from(text).toString('utf8')));
          expect(taken.controls).toHaveLength(said.reduce((sum, [, sizes]) => sum + sizes.length + 1, 0));
          expect(taken.faults).toEqual([]);
        },
      ),
    );
  });

  it.each([125, 126, 65_535, 65_536, 200_000])('may hold %i bytes', (length) => {
    const taken = new Taken();
    const bytes = serverFrame(OPCODE.text, Buffer.alloc(length, 'x'));
    for (let at = 0; at < bytes.length; at += 1_000) taken.reader.push(bytes.subarray(at, at + 1_000));
    expect(taken.texts.map((text) => text.length)).toEqual([length]);
  });

  it.each<[string, Buffer, number]>([
    ['masked', toFrame(OPCODE.text, [Buffer.from('x')], 1), 1002],
    ['binary', serverFrame(OPCODE.binary, Buffer.from('x')), 1003],
    ['compressed', serverFrame(OPCODE.text, Buffer.from('x'), { reserved: 0x40 }), 1002],
    ['of an unknown kind', serverFrame(3, Buffer.from('x')), 1002],
    ['control frames of an unknown kind', serverFrame(11, Buffer.from('x')), 1002],
    ['control frames in pieces', serverFrame(OPCODE.ping, Buffer.from('x'), { fin: false }), 1002],
    ['control frames that are too long', serverFrame(OPCODE.ping, Buffer.alloc(126)), 1002],
    ['the rest of no message', serverFrame(OPCODE.continuation, Buffer.from('x')), 1002],
    [
      'a message within another one',
      Buffer.concat([
        serverFrame(OPCODE.text, Buffer.from('x'), { fin: false }),
        serverFrame(OPCODE.text, Buffer.from('x')),
      ]),
      1002,
    ],
    ['without end', Buffer.from([0x81, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), 1002],
  ])('may not be %s', (_what, bytes, code) => {
    const taken = new Taken();
    taken.reader.push(Buffer.concat([bytes, serverFrame(OPCODE.text, Buffer.from('behind'))]));
    expect(taken.faults).toEqual([[code, expect.any(String)]]);
    expect(taken.texts).toEqual([]);
  });

  it('mean nothing behind a close', () => {
    const taken = new Taken();
    const close = serverFrame(OPCODE.close, closePayload(1001));
    taken.reader.push(Buffer.concat([close, serverFrame(OPCODE.text, Buffer.from('behind'))]));
    expect(taken.controls).toEqual([[OPCODE.close, '\u0003\u00e9']]);
    expect(taken.texts).toEqual([]);
  });
});
