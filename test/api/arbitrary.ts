/** Requests made up from the document: what it allows, what it nearly allows, and nonsense. */
import fc, { type Arbitrary } from 'fast-check';
import type { Json } from './contract.ts';

/** Depth below which only simple values are made. */
const DEPTH = 4;

/** Texts that have broken programs before. */
const NASTY = [
  '',
  ' ',
  '0',
  '-1',
  '%',
  '%00',
  '\u0000',
  '..',
  '../..',
  'null',
  '__proto__',
  'constructor',
  '\u202e',
  '\ud83d\ude00',
  "'",
  '"',
  '{',
  '1e400',
  'a'.repeat(300),
];

export const nastyText: Arbitrary<string> = fc.oneof(fc.constantFrom(...NASTY), fc.string());
export const nonsense: Arbitrary<unknown> = fc.oneof(fc.jsonValue({ maxDepth: 3 }), nastyText);

/** Values that a schema allows, more or less; `document` has what it refers to. */
export function someOf(schema: Json, document: Json, depth = DEPTH): Arbitrary<unknown> {
  if (schema.$ref) return someOf(resolve(schema.$ref, document), document, depth);
  const choices: Json[] | undefined = schema.anyOf ?? schema.oneOf;
  if (choices) return fc.oneof(...choices.map((one) => someOf(one, document, depth)));
  if (schema.enum) return fc.constantFrom(...(schema.enum as unknown[]));
  if ('const' in schema) return fc.constant(schema.const);
  const types: string[] = [schema.type ?? 'any'].flat();
  return fc.oneof(...types.map((type) => someOfType(type, schema, { document, depth })));
}

interface Within {
  readonly document: Json;
  readonly depth: number;
}

function someOfType(type: string, schema: Json, { document, depth }: Within): Arbitrary<unknown> {
  switch (type) {
    case 'string':
      return textOf(schema);
    case 'integer':
    case 'number': {
      const { minimum = -10, maximum = 1_000_000 } = schema;
      return fc.oneof(fc.integer({ min: minimum, max: maximum }), fc.constantFrom(minimum, maximum));
    }
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return depth === 0
        ? fc.constant([])
        : fc.array(someOf(schema.items ?? {}, document, depth - 1), { maxLength: 3 });
    case 'object':
      return depth === 0 ? fc.constant({}) : objectOf(schema, { document, depth: depth - 1 });
    default:
      return nonsense;
  }
}

function textOf({ pattern, format }: Json): Arbitrary<string> {
  if (format === 'date-time') return fc.constant('2026-11-26T00:00:00Z');
  if (typeof pattern !== 'string') return nastyText;
  try {
    return fc.oneof(fc.stringMatching(new RegExp(pattern)), nastyText);
  } catch {
    // Look-around and the like: these are left to the tests of the field.
    return nastyText;
  }
}

function objectOf(schema: Json, { document, depth }: Within): Arbitrary<Json> {
  const { properties = {}, required = [], additionalProperties } = schema;
  const known = fc.record(
    Object.fromEntries(
      Object.entries(properties as Json).map(([name, one]) => [name, someOf(one, document, depth)]),
    ),
    { requiredKeys: required },
  );
  if (additionalProperties === false) return known;
  const more = someOf(typeof additionalProperties === 'object' ? additionalProperties : {}, document, depth);
  const others = fc.dictionary(
    fc.oneof(fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_-]{0,8}$/), nastyText),
    more,
    {
      maxKeys: 3,
    },
  );
  return fc.tuple(others, known).map(([some, all]) => ({ ...some, ...(all as Json) }));
}

/** What a JSON reference of this document leads to. */
export function resolve(reference: string, document: Json): Json {
  return reference
    .slice(2)
    .split('/')
    .reduce<Json>((at, part) => at[part], document);
}
