/** Tools whose output is no object, for clients that know objects only: the list and the results say the same. */
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/client/validators/ajv';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyEdits } from '../../../../src/jsonrpc/edit.ts';
import { scanMessage } from '../../../../src/jsonrpc/envelope.ts';
import { type ObjectResult, readResult } from '../../../../src/sessions/lanes/downgrade/result.ts';
import {
  toolListEdits,
  toolResultEdits,
  WrappedTools,
} from '../../../../src/sessions/lanes/downgrade/tools.ts';
import { object, rawMembers, rawValue, shuffled } from '../../../support/raw-json.ts';

function read(result: string): ObjectResult {
  const line = Buffer.from(`{"jsonrpc":"2.0","id":1,"result":${result}}`);
  const { envelope } = scanMessage(line);
  const found = envelope && readResult(line, envelope);
  if (!found) throw new Error(`no result: ${result}`);
  return found;
}

/** The text of the result after its edits. */
function edited(result: ObjectResult, edits: ReturnType<typeof toolListEdits>): string {
  const text = Buffer.concat(applyEdits(result.line, edits)).toString('utf8');
  return text.slice('{"jsonrpc":"2.0","id":1,"result":'.length, -1);
}

function listed(tools: string, wrapped = new WrappedTools()): string {
  const result = read(`{"tools":${tools}}`);
  return edited(result, toolListEdits(result, wrapped)).slice('{"tools":'.length, -1);
}

function called(text: string, wrapped = false): string {
  const result = read(text);
  return edited(result, toolResultEdits(result, wrapped));
}

describe('the list of tools', () => {
  it('keeps every byte of tools without an output schema, or with that of an object', () => {
    const schemas = rawMembers.map((members) => object(['"type":"object"', ...members]));
    const tools = fc
      .tuple(rawMembers, fc.option(schemas))
      .map(([members, schema]) =>
        object([...members, ...(schema === null ? [] : [`"outputSchema":${schema}`])]),
      );
    fc.assert(
      fc.property(fc.array(tools), (all) => {
        const text = `[ ${all.join(' , ')} ]`;
        expect(listed(text)).toBe(text);
      }),
    );
  });

  it('shows any other output schema as the property of an object, byte for byte', () => {
    const others = rawMembers.chain((members) => shuffled(members, ['"type":"array"']));
    fc.assert(
      fc.property(others, rawMembers, (schema, members) => {
        const tool = (output: string): string => `[${object([...members, `"outputSchema":${output}`])}]`;
        expect(listed(tool(object(schema)))).toBe(
          tool(`{"type":"object","properties":{"result":${object(schema)}},"required":["result"]}`),
        );
      }),
    );
  });

  it.each(['null', '5', '[]', '"object"', 'true'])('leaves an output schema alone that is %s', (schema) => {
    const tool = `[{"outputSchema":${schema}}]`;
    expect(listed(tool)).toBe(tool);
  });

  it('says of each tool whether it was wrapped, as it was last listed', () => {
    const wrapped = new WrappedTools();
    listed('[{"name":"\\u0061","outputSchema":{"type":"array"}},{"name":"b"},{"name":5}]', wrapped);
    expect(['a', 'b', '5'].map((name) => wrapped.has(name))).toEqual([true, false, false]);
    listed('[{"name":"a","outputSchema":{"type":"object"}}]', wrapped);
    expect(wrapped.has('a')).toBe(false);
  });

  it('does not follow a schema without end', () => {
    const deep = `${'{"items":'.repeat(100_000)}{}${'}'.repeat(100_000)}`;
    expect(listed(`[{"outputSchema":${deep}}]`)).toContain('"required":["result"]');
  });
});

describe('a wrapped schema', () => {
  const valid = new AjvJsonSchemaValidator();
  const TREE = '{"$defs":{"tree":{"type":"array","items":{"$ref":"#/$defs/tree"}}},"$ref":"#/$defs/tree"}';

  it.each([
    ['{"type":"array","items":{"type":"string"}}', [['a'], [], [1], 'a', {}]],
    ['{"type":["object","null"],"required":["a"]}', [null, { a: 1 }, {}, 5]],
    [TREE, [[], [[[]]], [[1]], {}]],
    ['{"type":"array","items":{"$ref":"#"}}', [[], [[], [[]]], [[5]]]],
    [
      '{"anyOf":[{"type":"number"},{"type":"array","prefixItems":[{"$ref":"#/anyOf/0"}]}]}',
      [1, [1], ['a'], 'a'],
    ],
    [
      '{"$defs":{"n":{"$anchor":"num","type":"number"}},"type":"array","items":{"$ref":"#num"}}',
      [[1], ['a']],
    ],
    [
      '{"$id":"https://a.example/s","type":"array","items":{"$ref":"#/$defs/n"},"$defs":{"n":{"type":"number"}}}',
      [[1], ['a']],
    ],
    [
      '{"type":"array","items":{"$id":"https://a.example/t","type":"array","items":{"$ref":"#/$defs/n"},"$defs":{"n":{"type":"number"}}}}',
      [[[1]], [['a']]],
    ],
    ['{"enum":[{"$ref":"#"},"#"]}', [{ $ref: '#' }, '#', { $ref: '#/properties/result' }]],
    ['{"const":{"$ref":"#/a"}}', [{ $ref: '#/a' }, { $ref: '#/properties/result/a' }]],
    [
      '{"type":["array","object"],"properties":{"const":{"$ref":"#/$defs/n"},"$ref":{"type":"number"}},"$defs":{"n":{"type":"number"}}}',
      [{ const: 1 }, { const: 'a' }, { $ref: 1 }, { $ref: '#' }],
    ],
    [
      '{"$schema":"http://json-schema.org/draft-07/schema#","definitions":{"n":{"type":"number"}},"type":"array","items":[{"$ref":"#/definitions/n"}]}',
      [[1], ['a']],
    ],
  ])('%s accepts as result what it accepted', (schema, values) => {
    const tools = JSON.parse(listed(`[{"outputSchema":${schema}}]`)) as [{ outputSchema: { type: string } }];
    const [natural, wrapped] = [
      valid.getValidator(JSON.parse(schema)),
      valid.getValidator(tools[0].outputSchema),
    ];
    const accepts = values.map((value) => natural(value).valid);
    expect(tools[0].outputSchema.type).toBe('object');
    expect(values.map((value) => wrapped({ result: value }).valid)).toEqual(accepts);
    expect(new Set(accepts).size).toBe(2);
    expect(wrapped({}).valid).toBe(false);
  });
});

describe('the result of a tool', () => {
  it('with an object, or without structured content, passes byte for byte', () => {
    const objects = rawMembers.map((members) => `"structuredContent":${object(members)}`);
    fc.assert(
      fc.property(rawMembers, fc.option(objects), (members, value) => {
        const text = object([...members, ...(value === null ? [] : [value])]);
        expect(called(text)).toBe(text);
      }),
    );
  });

  it('with anything else, or of a tool whose schema was wrapped, has it as an object, and as a text', () => {
    fc.assert(
      fc.property(rawValue, rawMembers, fc.boolean(), (value, members, wrapped) => {
        fc.pre(wrapped || !value.startsWith('{'));
        const block = `{"type":"text","text":${JSON.stringify(value)}}`;
        const text = (structured: string, content: string): string =>
          object([`"content":[${content}]`, ...members, `"structuredContent":${structured}`]);
        const image = '{"type":"image","n":1.0}';
        const wanted = `{"result":${value}}`;
        expect(called(text(value, ''), wrapped)).toBe(text(wanted, block));
        expect(called(text(value, image), wrapped)).toBe(text(wanted, `${image},${block}`));
        const said = `${image},{"type":"te\\u0078t"}`;
        expect(called(text(value, said), wrapped)).toBe(text(wanted, said));
      }),
    );
  });

  it('without content gets some', () => {
    expect(called('{"resultType":"complete","structuredContent":[1.0],"isError":false}')).toBe(
      '{"content":[{"type":"text","text":"[1.0]"}],"structuredContent":{"result":[1.0]},"isError":false}',
    );
  });

  it('whose content is no list keeps it', () => {
    expect(called('{"content":5,"structuredContent":null}')).toBe(
      '{"content":5,"structuredContent":{"result":null}}',
    );
  });
});
