/** What a client declares once, in the words that go with every request. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readClient, SESSIONLESS_CLIENT } from '../../../../src/sessions/lanes/downgrade/client.ts';
import { object, rawMembers, shuffled } from '../../../support/raw-json.ts';
import { message, request } from '../../harness.ts';

const INFO = '{"name":"t","version":"1"}';
const NOTHING = { form: false, url: false, sampling: false, samplingTools: false, roots: false };

function client(capabilities: string, version = '2025-11-25', info = INFO): ReturnType<typeof readClient> {
  const params = `{"protocolVersion":"${version}","capabilities":${capabilities},"clientInfo":${info}}`;
  return readClient(message(request('1', 'initialize', params)));
}

/** The capabilities, as text. */
function mapped(capabilities: string, version?: string): string {
  const { envelope } = client(capabilities, version);
  const from = envelope.indexOf('clientCapabilities":') + 'clientCapabilities":'.length;
  return envelope.slice(from, envelope.indexOf(',"io.modelcontextprotocol/clientInfo"'));
}

describe('capabilities', () => {
  it.each([
    ['{}', '{}'],
    ['{"roots":{"listChanged":true}}', '{"roots":{}}'],
    ['{"roots":{"listChanged":true,"acme":1.0}}', '{"roots":{"acme":1.0}}'],
    ['{"tasks":{"list":{}},"sampling":{"tools":{}}}', '{"sampling":{"tools":{}}}'],
    ['{"elicitation":{}}', '{"elicitation":{"form":{}}}'],
    ['{"elicitation":{"acme":1.0}}', '{"elicitation":{"form":{},"acme":1.0}}'],
    ['{"elicitation":{"url":{}}}', '{"elicitation":{"url":{}}}'],
    ['{"elicitation":{"form":{},"url":{}}}', '{"elicitation":{"form":{},"url":{}}}'],
    [
      '{"extensions":{"io.modelcontextprotocol/tasks":{},"acme/x":{"n":1.0}}}',
      '{"extensions":{"acme/x":{"n":1.0}}}',
    ],
    ['null', '{}'],
    ['[1]', '{}'],
    ['{"roots":5,"elicitation":true}', '{"roots":5,"elicitation":true}'],
  ])('%s are declared as %s', (capabilities, expected) => {
    expect(mapped(capabilities)).toBe(expected);
  });

  it.each(['2024-11-05', '2025-03-26', '2025-06-18'])('of a client of %s name no URLs', (version) => {
    expect(mapped('{"elicitation":{"form":{},"url":{}}}', version)).toBe('{"elicitation":{"form":{}}}');
    expect(mapped('{"elicitation":{"url":{}}}', version)).toBe('{"elicitation":{"form":{}}}');
  });

  it('that nobody here knows pass byte for byte', () => {
    const known = ['"roots":{"listChanged":true}', '"tasks":{}', '"elicitation":{}'];
    fc.assert(
      fc.property(
        fc.tuple(rawMembers, fc.subarray(known)).chain(([others, some]) => shuffled(others, some)),
        (members) => {
          const expected = members
            .filter((member) => member !== '"tasks":{}')
            .map((member) => (member.startsWith('"roots"') ? '"roots":{}' : member))
            .map((member) => (member.startsWith('"elicitation"') ? '"elicitation":{"form":{}}' : member));
          expect(mapped(object(members))).toBe(object(expected));
        },
      ),
    );
  });

  it.each([
    ['{}', {}],
    ['{"elicitation":{}}', { form: true }],
    ['{"elicitation":{"url":{}}}', { url: true }],
    ['{"elicitation":{"url":{},"form":{}}}', { form: true, url: true }],
    ['{"elicitation":true,"sampling":5,"roots":null}', {}],
    ['{"sampling":{}}', { sampling: true }],
    ['{"sampling":{"tools":{}},"roots":{}}', { sampling: true, samplingTools: true, roots: true }],
  ])('%s say what can be asked', (capabilities, expected) => {
    expect(client(capabilities).askable).toEqual({ ...NOTHING, ...expected });
  });

  it('that are too large are refused', () => {
    expect(() => client(`{"a":"${'x'.repeat(64 * 1024)}"}`)).toThrow('capabilities');
  });

  it('are none where nothing is said, and without a session', () => {
    const { askable, envelope } = readClient(message(request('1', 'initialize')));
    expect(askable).toEqual(NOTHING);
    expect(envelope).not.toContain('clientInfo');
    expect(SESSIONLESS_CLIENT.askable).toEqual(NOTHING);
  });
});

describe('the name of a client', () => {
  it('passes byte for byte', () => {
    const info = '{ "version":"\\u0031","name":"t","acme":1.0 }';
    expect(client('{}', undefined, info).envelope).toContain(`clientInfo":${info}`);
  });

  it.each(['null', '5', '{"name":"t"}', '{"name":5,"version":"1"}'])('is left out where it is %s', (info) => {
    expect(client('{}', undefined, info).envelope).not.toContain('clientInfo');
  });

  it('loses its ornaments where they are many', () => {
    const icons = `"icons":[{"src":"data:${'x'.repeat(5_000)}"}]`;
    const info = `{${icons},"name":"t","title":"T","version":"1","description":"d"}`;
    expect(client('{}', undefined, info).envelope).toContain(
      'clientInfo":{"name":"t","title":"T","version":"1"}',
    );
  });

  it('is left out where it is itself too long', () => {
    const info = `{"name":"${'x'.repeat(5_000)}","version":"1"}`;
    expect(client('{}', undefined, info).envelope).not.toContain('clientInfo');
  });
});
