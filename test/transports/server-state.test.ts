/** A modern server's own `requestState`, sealed for its client and restored for the server (data-path.md 5.4; threat T-32). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteLength } from '../../src/jsonrpc/edit.ts';
import { scanMessage } from '../../src/jsonrpc/envelope.ts';
import type { StreamEvent } from '../../src/sessions/reader.ts';
import { withSealedState, withServerState } from '../../src/transports/modern/server-state.ts';

const MOST = 1_024;

/** The bytes of a text, cut into parts of the given length at most. */
function eventOf(text: string, cut = Number.POSITIVE_INFINITY): StreamEvent {
  const bytes = Buffer.from(text);
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += cut) parts.push(bytes.subarray(at, at + cut));
  return { seq: 1, kind: 'answer', parts, bytes: byteLength(parts) };
}

function textOf({ parts }: StreamEvent): string {
  return Buffer.concat(parts).toString('utf8');
}

/** What is given to the client, and what was sealed of it. */
function sealed(event: StreamEvent): {
  readonly text: string;
  readonly states: string[];
  readonly event: StreamEvent;
} {
  const states: string[] = [];
  const given = withSealedState(event, {
    most: MOST,
    seal: (state) => `S${states.push(state.toString('utf8'))}`,
  });
  return { text: textOf(given), states, event: given };
}

/** The text of a JSON string, each character written in one of the ways there are. */
const spelled = fc
  .array(fc.tuple(fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }), fc.boolean()), { maxLength: 40 })
  .map((characters) => {
    const written = characters.map(([text, escaped]) =>
      escaped
        ? [...text].map((_, at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')
        : JSON.stringify(text).slice(1, -1),
    );
    return `"${written.join('').toWellFormed()}"`;
  });
/** Members that stand beside it. */
const members = fc.dictionary(
  fc.string({ maxLength: 8 }).filter((name) => !['requestState', 'resultType', '__proto__'].includes(name)),
  fc.jsonValue({ maxDepth: 2 }),
  { maxKeys: 3 },
);

const inner = (value: object): string => {
  const text = JSON.stringify(value).slice(1, -1);
  return text === '' ? '' : `${text},`;
};

describe('a state that a server gives out', () => {
  it('leaves sealed and comes back byte for byte, whatever it is and whatever stands around it', () => {
    fc.assert(
      fc.property(spelled, members, members, (state, before, after) => {
        const head = `{"jsonrpc":"2.0","id":7,"result":{${inner(before)}"requestState":`;
        const tail = `,"resultType":"input_required",${inner(after)}"last":1}}`;
        const given = sealed(eventOf(head + state + tail));
        expect(given.states).toEqual([state]);
        expect(given.text).toBe(`${head}"S1"${tail}`);
        const request = (text: string): Buffer =>
          Buffer.from(
            `{"jsonrpc":"2.0","id":8,"method":"tools/call","params":{${inner(before)}"requestState":${text}}}`,
          );
        const bytes = request('"S1"');
        const { envelope } = scanMessage(bytes);
        if (!envelope) throw new Error('no message');
        const restored = withServerState({ bytes, envelope }, Buffer.from(given.states[0] ?? ''));
        expect(restored.bytes).toEqual(request(state));
        expect(
          restored.bytes.toString('utf8', restored.envelope.stateStart, restored.envelope.stateEnd),
        ).toBe(state);
      }),
    );
  });

  it('counts for its reader as what was delivered', () => {
    const event = eventOf(
      '{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required","requestState":"s"}}',
    );
    expect(sealed(event).event).toMatchObject({ seq: 1, kind: 'answer', bytes: event.bytes });
  });

  it('is found in an answer that comes in several parts', () => {
    const filler = 'x'.repeat(64 * 1024);
    const [head, rest] = [
      '{"jsonrpc":"2.0","id":',
      `1,"result":{"filler":"${filler}","resultType":"input_required","requestState":"s"}}`,
    ];
    const parts = [Buffer.from(head), Buffer.from(rest)];
    const { text } = sealed({ seq: 1, kind: 'answer', parts, bytes: byteLength(parts) });
    expect(text).toBe(head + rest.replace('"s"', '"S1"'));
  });

  it('is sealed each time that it stands there', () => {
    const text =
      '{"jsonrpc":"2.0","id":1,"result":{"requestState":"a","resultType":"input_required","requestState":"b"}}';
    expect(sealed(eventOf(text))).toMatchObject({
      text: text.replace('"a"', '"S1"').replace('"b"', '"S2"'),
      states: ['"a"', '"b"'],
    });
  });

  it('that its client could not send back is told in its place', () => {
    const of = (length: number) =>
      sealed(
        eventOf(
          `{"jsonrpc":"2.0","id":"ü","result":{"resultType":"input_required","requestState":"${'x'.repeat(length - 2)}"}}`,
        ),
      );
    expect(of(MOST).states).toHaveLength(1);
    const { text, states } = of(MOST + 1);
    expect(states).toEqual([]);
    expect(JSON.parse(text)).toEqual({
      jsonrpc: '2.0',
      id: 'ü',
      error: { code: -32_603, message: expect.stringContaining('1025 bytes') },
    });
  });
});

describe('what is no state that a server gives out', () => {
  it.each([
    ['a result that is complete', '"result":{"resultType":"complete","requestState":"s"}'],
    ['a result of no type', '"result":{"requestState":"s"}'],
    ['a state that is no text', '"result":{"resultType":"input_required","requestState":{"a":"s"}}'],
    ['one further in', '"result":{"resultType":"input_required","structuredContent":{"requestState":"s"}}'],
    ['one inside a text', '"result":{"resultType":"input_required","a":"\\"requestState\\":\\"s\\""}'],
    [
      'an error',
      '"error":{"code":1,"message":"m","data":{"resultType":"input_required","requestState":"s"}}',
    ],
    ['a result that is no object', '"result":["requestState"]'],
    ['a question without a state', '"result":{"resultType":"input_required","inputRequests":{}}'],
  ])('passes byte for byte: %s', (_what, member) => {
    const event = eventOf(`{"jsonrpc":"2.0","id":1,${member}}`);
    expect(sealed(event)).toEqual({ text: textOf(event), states: [], event });
  });
});
