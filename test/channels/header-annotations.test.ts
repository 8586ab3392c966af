import { describe, expect, it } from 'vitest';
import { readAnnotations } from '../../src/channels/header-annotations.ts';

const property = (schema: object) => ({ type: 'object', properties: { value: schema } });

describe('annotations of a tool', () => {
  it('are found at any depth of properties', () => {
    const schema = {
      type: 'object',
      properties: {
        region: { type: 'string', 'x-mcp-header': 'Region' },
        plain: { type: 'number' },
        inner: { type: 'object', properties: { deep: { type: 'integer', 'x-mcp-header': 'Deep' } } },
        on: { type: 'boolean', 'x-mcp-header': 'On' },
      },
    };
    expect(readAnnotations(schema)).toEqual([
      { path: ['region'], name: 'Region' },
      { path: ['inner', 'deep'], name: 'Deep' },
      { path: ['on'], name: 'On' },
    ]);
  });

  it.each([
    undefined,
    null,
    true,
    'text',
    {},
    { properties: 7 },
    property({ const: { 'x-mcp-header': 'A' } }),
  ])('are none in %j', (schema) => {
    expect(readAnnotations(schema)).toEqual([]);
  });

  it.each([
    ['empty', property({ type: 'string', 'x-mcp-header': '' })],
    ['an object', property({ type: 'object', 'x-mcp-header': 'Data' })],
    ['an array', property({ type: 'array', items: { type: 'string' }, 'x-mcp-header': 'Items' })],
    ['null', property({ type: 'null', 'x-mcp-header': 'Nil' })],
    ['a number', property({ type: 'number', 'x-mcp-header': 'Score' })],
    ['of several types', property({ type: ['string', 'null'], 'x-mcp-header': 'A' })],
    ['of no type', property({ 'x-mcp-header': 'A' })],
    ['no text', property({ type: 'string', 'x-mcp-header': 7 })],
    ['with a blank', property({ type: 'string', 'x-mcp-header': 'My Region' })],
    ['with a colon', property({ type: 'string', 'x-mcp-header': 'Region:Primary' })],
    ['beyond ASCII', property({ type: 'string', 'x-mcp-header': 'Région' })],
    ['with a control character', property({ type: 'string', 'x-mcp-header': 'Region\t1' })],
    ['at the root', { type: 'string', 'x-mcp-header': 'Root' }],
    ['in items', property({ type: 'array', items: { type: 'string', 'x-mcp-header': 'A' } })],
    ['in a choice', { oneOf: [property({ type: 'string', 'x-mcp-header': 'A' })] }],
    ['in a definition', { $defs: { a: { type: 'string', 'x-mcp-header': 'A' } } }],
    ['in a pattern', { patternProperties: { '^a': { type: 'string', 'x-mcp-header': 'A' } } }],
    [
      'twice',
      {
        properties: {
          a: { type: 'string', 'x-mcp-header': 'Region' },
          b: { type: 'string', 'x-mcp-header': 'Region' },
        },
      },
    ],
    [
      'twice but for the case',
      {
        properties: {
          a: { type: 'string', 'x-mcp-header': 'MyField' },
          b: { properties: { c: { type: 'string', 'x-mcp-header': 'myfield' } } },
        },
      },
    ],
  ])('that are %s make the tool invalid', (_what, schema) => {
    expect(readAnnotations(schema)).toBeUndefined();
  });

  it('nested without end make it invalid too', () => {
    let schema: object = { type: 'string' };
    for (let depth = 0; depth < 10_000; depth++) schema = property(schema);
    expect(readAnnotations(schema)).toBeUndefined();
  });
});
