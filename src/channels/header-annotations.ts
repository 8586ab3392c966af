/** The `x-mcp-header` annotations of a tool (revision 2026-07-28): which of its arguments a client repeats in headers. */
import { isObject, type JsonObject } from './json-exact.ts';

/** One argument that is repeated in `Mcp-Param-{name}`. */
export interface HeaderAnnotation {
  readonly path: readonly string[];
  readonly name: string;
}

const ANNOTATION = 'x-mcp-header';
/** RFC 9110 section 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/;
const TYPES: ReadonlySet<unknown> = new Set(['string', 'integer', 'boolean']);
/** Keywords that hold one schema, or a list of them, where an argument cannot be found by its path alone. */
const INNER = [
  'items',
  'prefixItems',
  'contains',
  'additionalProperties',
  'unevaluatedProperties',
  'unevaluatedItems',
  'propertyNames',
  'oneOf',
  'anyOf',
  'allOf',
  'not',
  'if',
  'then',
  'else',
];
/** The same for keywords that hold schemas by name. */
const INNER_BY_NAME = ['patternProperties', 'dependentSchemas', '$defs', 'definitions'];
/** Nesting beyond this is no schema that anybody wrote. */
const DEEPEST = 64;

/** The annotations of an input schema; undefined when one of them breaks a rule, so that the tool must not be offered. */
export function readAnnotations(inputSchema: unknown): readonly HeaderAnnotation[] | undefined {
  const found: HeaderAnnotation[] = [];
  if (!collect(inputSchema, [], found)) return undefined;
  const names = new Set(found.map(({ name }) => name.toLowerCase()));
  return names.size === found.length ? found : undefined;
}

/** `path`: names of properties from the root; undefined where none leads. Returns false on a broken rule. */
function collect(
  schema: unknown,
  path: readonly string[] | undefined,
  found: HeaderAnnotation[],
  depth = 0,
): boolean {
  if (!isObject(schema)) return true;
  if (depth > DEEPEST) return false;
  if (ANNOTATION in schema && !take(schema, path, found)) return false;
  const named = isObject(schema.properties) ? Object.entries(schema.properties) : [];
  return (
    named.every(([name, child]) => collect(child, path && [...path, name], found, depth + 1)) &&
    innerSchemas(schema).every((child) => collect(child, undefined, found, depth + 1))
  );
}

function take(schema: JsonObject, path: readonly string[] | undefined, found: HeaderAnnotation[]): boolean {
  const name = schema[ANNOTATION];
  if (path === undefined || path.length === 0 || typeof name !== 'string') return false;
  if (!TOKEN.test(name) || !TYPES.has(schema.type)) return false;
  found.push({ path, name });
  return true;
}

function innerSchemas(schema: JsonObject): unknown[] {
  return [
    ...INNER.flatMap((keyword) => schema[keyword] ?? []),
    ...INNER_BY_NAME.flatMap((keyword) => {
      const group = schema[keyword];
      return isObject(group) ? Object.values(group) : [];
    }),
  ];
}
