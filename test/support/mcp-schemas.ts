/** The official JSON Schema of each revision, as the conformance suite carries them, to hold what we say against. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/client/validators/ajv';

const REVISIONS = ['2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28'] as const;
export type Revision = (typeof REVISIONS)[number];

type Schema = Readonly<Record<string, unknown>>;

const validator = new AjvJsonSchemaValidator();
const compiled = new Map<string, ReturnType<AjvJsonSchemaValidator['getValidator']>>();
let schemas: ReadonlyMap<string, Schema> | undefined;

/** What is wrong with `value` as `definition` (`CallToolResult`) of a revision; undefined when nothing is. */
export function schemaFault(revision: Revision, definition: string, value: unknown): string | undefined {
  const key = `${revision} ${definition}`;
  let validate = compiled.get(key);
  if (!validate) {
    schemas ??= readSchemas();
    const schema = schemas.get(revision);
    const place = schema && 'definitions' in schema ? 'definitions' : '$defs';
    const known = schema?.[place] as Schema | undefined;
    if (!known?.[definition]) throw new Error(`revision ${revision} defines no ${definition}`);
    validate = validator.getValidator({ ...schema, $ref: `#/${place}/${definition}` });
    compiled.set(key, validate);
  }
  return validate(value).errorMessage;
}

/** The suite is one bundle without exports: its schemas stand in it as object literals, in the order of their revisions. */
function readSchemas(): ReadonlyMap<string, Schema> {
  const manifest = createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/package.json');
  const bundle = readFileSync(join(dirname(manifest), 'dist', 'index.js'), 'utf8');
  const found = [...bundle.matchAll(/\{\$schema:`[^`]*`,(?:definitions|\$defs):\{Annotations:/g)];
  if (found.length !== REVISIONS.length) throw new Error(`the suite has ${found.length} schemas`);
  return new Map(
    REVISIONS.map((revision, index) => [revision, literalAt(bundle, found[index]?.index ?? 0) as Schema]),
  );
}

/** Evaluates the object literal that begins at `start`. */
function literalAt(text: string, start: number): unknown {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const c = text[at];
    if (c === '`' || c === '"' || c === "'") {
      for (at++; text[at] !== c; at++) if (text[at] === '\\') at++;
    } else if (c === '{') depth++;
    else if (c === '}' && --depth === 0) return new Function(`return ${text.slice(start, at + 1)}`)();
  }
  throw new Error('the literal does not end');
}
