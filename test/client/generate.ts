/** The OpenAPI document as TypeScript: what `src/client/generated` has. */
import type { Json } from '../api/contract.ts';
import { operationsOf } from '../api/contract.ts';

const HEAD = (what: string) =>
  `/** ${what} Generated from the OpenAPI document; to renew it: \`npm test -- test/client -u\`. */\n`;
const SPECIAL = /^[A-Za-z_$][\w$]*$/;

/** One type for each component of the document. */
export function typesText(document: Json): string {
  const components = Object.entries(document.components.schemas as Json);
  const types = components
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, schema]) => `${comment(schema, '\n')}export type ${name} = ${top(schema)};\n`);
  return `${HEAD('What the API takes and answers.')}\n${types.join('')}`;
}

/** What each operation takes and answers, and where it is. */
export function operationsText(document: Json, left: readonly string[]): string {
  const operations = operationsOf(document).filter(({ path }) => !left.includes(path));
  const names = Object.keys(document.components.schemas);
  const body = operations.map(({ operation }) => {
    const { operationId: id, summary } = operation;
    return `  /** ${summary}. */\n  ${key(id)}: ${signature(operation)};`;
  });
  const places = operations.map(
    ({ path, method, operation }) =>
      `  ${key(operation.operationId)}: ['${method.toUpperCase()}', '${path}'],`,
  );
  const used = names.filter((name) => new RegExp(`\\b${name}\\b`).test(body.join('\n'))).sort();
  return (
    `${HEAD('What each operation of the API takes and answers.')}` +
    `import type { ${used.join(', ')} } from './types.ts';\n\n` +
    `export interface Operations {\n${body.join('\n')}\n}\n\n` +
    '/** Method and path by operation. */\n' +
    `export const PLACES = {\n${places.join('\n')}\n} as const satisfies Record<keyof Operations, readonly [string, string]>;\n`
  );
}

function signature(operation: Json): string {
  const parameters: Json[] = operation.parameters ?? [];
  const of = (where: string): string => {
    const some = parameters.filter((one) => one.in === where);
    return some.length === 0
      ? 'Record<never, never>'
      : `{ ${some.map((one) => `${key(one.name)}${where === 'path' || one.required ? '' : '?'}: ${one.schema ? type(one.schema) : 'string'}`).join('; ')} }`;
  };
  const body = operation.requestBody?.content['application/json']?.schema;
  return `{ params: ${of('path')}; query: ${of('query')}; body: ${body ? type(body) : 'undefined'}; answer: ${answer(operation)}; item: ${items(operation)} }`;
}

/** Of all that went well. */
function answer({ responses }: Json): string {
  const good = Object.entries(responses as Json).filter(([status]) => status.startsWith('2'));
  const types = good.map(([, { content }]) => {
    const schema = content?.['application/json']?.schema;
    return schema ? type(schema) : 'undefined';
  });
  return [...new Set(types)].join(' | ');
}

/** Of a stream; `never` where there is none. */
function items({ responses }: Json): string {
  const refs = Object.values((responses['200']?.content ?? {}) as Json).flatMap((one) =>
    one['x-item-schema'] ? [type(one['x-item-schema'])] : [],
  );
  return refs.length === 0 ? 'never' : [...new Set(refs)].join(' | ');
}

/** A component with a line for each of its members. */
function top(schema: Json): string {
  if (schema.type !== 'object' || !schema.properties) return type(schema);
  const members = Object.entries(schema.properties as Json).map(
    ([name, of]) => `  ${comment(of, ' ')}${member(name, of, schema)};\n`,
  );
  return `{\n${members.join('')}}${open(schema)}`;
}

function type(schema: Json): string {
  if (schema.$ref) return schema.$ref.split('/').at(-1);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((one: unknown) => JSON.stringify(one)).join(' | ');
  const several = schema.anyOf ?? schema.oneOf;
  if (several) return several.map((one: Json) => wrap(type(one))).join(' | ');
  if (schema.allOf) return schema.allOf.map((one: Json) => wrap(type(one))).join(' & ');
  if (Array.isArray(schema.type))
    return schema.type.map((one: string) => type({ ...schema, type: one })).join(' | ');
  switch (schema.type) {
    case 'string':
      return 'string';
    case 'integer':
    case 'number':
      return 'number';
    case 'boolean':
      return 'boolean';
    case 'null':
      return 'null';
    case 'array':
      return `${wrap(type(schema.items ?? {}))}[]`;
    case 'object':
      return object(schema);
    default:
      return 'unknown';
  }
}

function object(schema: Json): string {
  const { properties, additionalProperties } = schema;
  if (!properties) {
    const of = typeof additionalProperties === 'object' ? type(additionalProperties) : 'unknown';
    return `Record<string, ${of}>`;
  }
  const members = Object.entries(properties as Json).map(([name, of]) => member(name, of, schema));
  return `{ ${members.join('; ')} }${open(schema)}`;
}

function member(name: string, of: Json, { required = [] }: Json): string {
  return `${key(name)}${required.includes(name) ? '' : '?'}: ${type(of)}`;
}

/** Further members than those that are named. */
function open({ additionalProperties }: Json): string {
  return typeof additionalProperties === 'object' ? ' & Record<string, unknown>' : '';
}

function wrap(text: string): string {
  return /[|&]/.test(text) && !/^\{.*\}$|^\(.*\)$/.test(text) ? `(${text})` : text;
}

function key(name: string): string {
  return SPECIAL.test(name) ? name : `'${name}'`;
}

function comment({ description }: Json, end: string): string {
  return description === undefined ? '' : `/** ${description} */${end}`;
}
