/** What a server asks for in its result, as the requests of the legacy era. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scanMessage } from '../../../../src/jsonrpc/envelope.ts';
import {
  askingMessage,
  type InputRequired,
  readInputRequired,
} from '../../../../src/sessions/lanes/downgrade/input-request.ts';
import { readResult } from '../../../../src/sessions/lanes/downgrade/result.ts';
import { object, rawMembers } from '../../../support/raw-json.ts';

function read(result: string): { readonly line: Buffer; readonly asked: InputRequired | string } {
  const line = Buffer.from(`{"jsonrpc":"2.0","id":1,"result":${result}}`);
  const { envelope } = scanMessage(line);
  const found = envelope && readResult(line, envelope);
  if (!found) throw new Error(`no result: ${result}`);
  return { line, asked: readInputRequired(found) };
}

/** The requests that the client gets, as texts. */
function asks(inputRequests: string): string[] {
  const { line, asked } = read(`{"resultType":"input_required","inputRequests":${inputRequests}}`);
  if (typeof asked === 'string') throw new Error(asked);
  return asked.requests.map((request, index) =>
    Buffer.concat(askingMessage(index + 1, line, request)).toString('utf8'),
  );
}

it('a question keeps the bytes of its params', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('elicitation/create', 'sampling/createMessage', 'roots/list'),
      rawMembers,
      rawMembers,
      (method, members, beside) => {
        const params = ` ${object(members)} `;
        const entry = object([...beside, `"params":${params}`, `"method":"${method}"`]);
        expect(asks(`{"k":${entry}}`)).toEqual([
          `{"jsonrpc":"2.0","id":1,"method":"${method}","params":${params.trim()}}`,
        ]);
      },
    ),
  );
});

it('a question without params has none', () => {
  expect(asks('{"k":{"method":"roots/list"}}')).toEqual(['{"jsonrpc":"2.0","id":1,"method":"roots/list"}']);
});

describe('a visit to a URL', () => {
  const visit = (members: string): string[] =>
    asks(`{"k":{"method":"elicitation/create","params":{${members}"mode":"url"}}}`);

  it('has an id of its own each', () => {
    const ids = [...visit('"n":1.0,'), ...visit('"n":1.0,')].map(
      (text) => JSON.parse(text).params.elicitationId,
    );
    expect(new Set(ids).size).toBe(2);
    expect(visit('"n":1.0,')[0]).toContain('"n":1.0,"mode":"url"');
  });

  it('keeps an id that the server has given', () => {
    expect(visit('"elicitationId":"e",')[0]).toContain('"params":{"elicitationId":"e","mode":"url"}');
  });
});

it('the state is taken as it stands there', () => {
  const { asked } = read('{"resultType":"input_required","requestState":"\\u0061\\/\\ud800"}');
  expect(typeof asked === 'string' ? asked : asked.state?.toString('utf8')).toBe('"\\u0061\\/\\ud800"');
});

it('of two questions under one key the last one counts', () => {
  const texts = asks(
    '{"k":{"method":"sampling/createMessage","params":{}},"\\u006b":{"method":"roots/list"}}',
  );
  expect(texts).toEqual(['{"jsonrpc":"2.0","id":1,"method":"roots/list"}']);
});

it.each([
  ['{"method":"elicitation/create","params":{}}', 'form'],
  ['{"method":"elicitation/create","params":{"mode":"form"}}', 'form'],
  ['{"method":"elicitation/create","params":{"mode":"\\u0075rl"}}', 'url'],
  ['{"method":"sampling/createMessage","params":{}}', 'sampling'],
  ['{"method":"sampling/createMessage","params":{"tools":[]}}', 'samplingTools'],
  ['{"method":"sampling/createMessage","params":{"toolChoice":{}}}', 'samplingTools'],
  ['{"method":"roots/list","params":{}}', 'roots'],
])('%s needs a client that has declared %s', (entry, needs) => {
  const { asked } = read(`{"inputRequests":{"k":${entry}}}`);
  expect(typeof asked === 'string' ? asked : asked.requests.map((request) => request.needs)).toEqual([needs]);
});
