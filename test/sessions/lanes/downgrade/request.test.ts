/** A request in the form of the modern era: what is put in and taken out, and nothing else. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyEdits } from '../../../../src/jsonrpc/edit.ts';
import { requestEdits, retryMessage } from '../../../../src/sessions/lanes/downgrade/request.ts';
import { object, rawMembers, rawValue, shuffled } from '../../../support/raw-json.ts';
import { message } from '../../harness.ts';

const ENVELOPE = '"io.modelcontextprotocol/protocolVersion":"2026-07-28","k":1.0';
const OURS = [
  '"io.modelcontextprotocol/clientInfo":{"name":"forged"}',
  '"io.modelcontextprotocol/logLevel":[1.0]',
];

function call(params: string): string {
  return `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params},"x":1e400}`;
}

function modern(text: string): string {
  const given = message(text);
  return Buffer.concat(applyEdits(given.bytes, requestEdits(given, ENVELOPE))).toString('utf8');
}

function retried(text: string, responses?: string, state?: string): string {
  return retryMessage(message(text), {
    responses: responses === undefined ? undefined : Buffer.from(responses),
    state: state === undefined ? undefined : Buffer.from(state),
  }).bytes.toString('utf8');
}

/** Members of params, and of a `_meta` among them or not. */
const params = fc
  .tuple(rawMembers, fc.option(rawMembers), fc.subarray(OURS), fc.boolean())
  .chain(([others, meta, forged, task]) =>
    fc.tuple(
      shuffled(others, meta ? ['_meta'] : [], task ? ['"task":{"ttl":1.0}'] : []),
      shuffled(meta ?? [], meta ? forged : []),
    ),
  );

describe('a request', () => {
  it('gets the envelope first in its _meta, loses what a client may not say, and keeps the rest byte for byte', () => {
    fc.assert(
      fc.property(params, ([members, meta]) => {
        const text = members.map((member) => (member === '_meta' ? `"_meta":${object(meta)}` : member));
        const kept = meta.filter((member) => !OURS.includes(member));
        const enveloped = `"_meta":${object([ENVELOPE, ...kept])}`;
        const left = members.filter((member) => !member.startsWith('"task"'));
        const expected = left.includes('_meta')
          ? left.map((member) => (member === '_meta' ? enveloped : member))
          : [enveloped, ...left];
        expect(modern(call(object(text)))).toBe(call(object(expected)));
      }),
    );
  });

  it('without params gets some', () => {
    expect(modern('{"jsonrpc":"2.0","method":"tools/list","id": "a" }')).toBe(
      `{"jsonrpc":"2.0","method":"tools/list","id": "a","params":{"_meta":{${ENVELOPE}}} }`,
    );
  });

  it.each(['null', '5', '"x"', '[1.0]'])('whose _meta is %s gets another one', (meta) => {
    expect(modern(call(`{"_meta":${meta},"name":"a"}`))).toBe(call(`{"_meta":{${ENVELOPE}},"name":"a"}`));
  });

  it('with a task that is written with escapes loses it all the same', () => {
    expect(modern(call('{ "t\\u0061sk" : 1 }'))).toBe(call(`{"_meta":{${ENVELOPE}}  }`));
  });

  it('of another method keeps its task', () => {
    const text = call('{"task":1}').replace('tools/call', 'acme/x');
    expect(modern(text)).toBe(text.replace('{"task"', `{"_meta":{${ENVELOPE}},"task"`));
  });
});

describe('a repetition', () => {
  it('is the request with the answers and the state, byte for byte, instead of those that stood there', () => {
    const old = ['"inputResponses":{"a":1.0}', '"requestState":"old"'];
    fc.assert(
      fc.property(
        fc.tuple(rawMembers, fc.subarray(old)).chain(([others, stale]) => shuffled(others, stale)),
        fc.option(rawMembers),
        fc.option(rawValue),
        (members, responses, state) => {
          const added = [
            ...(responses ? [`"inputResponses":${object(responses)}`] : []),
            ...(state === null ? [] : [`"requestState":${state}`]),
          ];
          const left = members.filter((member) => !old.includes(member));
          expect(
            retried(call(object(members)), responses ? object(responses) : undefined, state ?? undefined),
          ).toBe(call(object([...added, ...left])));
        },
      ),
    );
  });

  it('of a request without params has some', () => {
    expect(retried('{"jsonrpc":"2.0","id":1,"method":"tools/call"}', undefined, '"s"')).toBe(
      '{"jsonrpc":"2.0","id":1,"params":{"requestState":"s"},"method":"tools/call"}',
    );
  });

  it('keeps bytes of the state that are no valid UTF-8', () => {
    const state = Buffer.from([0x22, 0xff, 0xc3, 0x22]);
    const { bytes } = retryMessage(message(call('{}')), { state });
    expect(bytes.includes(state)).toBe(true);
  });
});
