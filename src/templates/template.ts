/** A template: a catalogue entry that says how one kind of server is run. It never holds anybody's values. */
import type { z } from 'zod';
import { BerthError } from '../errors.ts';
import type { Ecosystem } from '../packages/package.ts';
import type { ServerJson, ServerJsonPackage } from './server-json.ts';
import { serverJsonSchema } from './server-json.ts';
import type { TemplateExtras } from './template-extras.ts';
import { EXTRAS_KEY, findExtras, templateExtrasSchema } from './template-extras.ts';

export interface Template {
  /** Folder name, and the name that people type. */
  readonly slug: string;
  /** The parsed file as it is, unknown members included: serialising it gives the same JSON. */
  readonly document: ServerJson;
  readonly extras: TemplateExtras;
  /** The long description, Markdown; empty when there is none. */
  readonly readme: string;
}

/** The package that Berth runs for a template. */
export interface RunnablePackage {
  readonly ecosystem: Ecosystem;
  readonly version: string;
  readonly definition: ServerJsonPackage;
}

const ECOSYSTEMS: readonly string[] = ['npm', 'pypi'] satisfies Ecosystem[];

/** Reads one template file. Throws `bad-setting` that names each fault by its JSON pointer. */
export function parseTemplate(slug: string, text: string, readme = ''): Template {
  const json = parseJson(slug, text);
  const document = check(slug, serverJsonSchema, json, '');
  const extras = check(slug, templateExtrasSchema, findExtras(document), `/_meta/…/${EXTRAS_KEY}`);
  if (extras.slug !== slug)
    throw fault(slug, [
      { pointer: `/_meta/…/${EXTRAS_KEY}/slug`, detail: `must be "${slug}", the name of its folder` },
    ]);
  return { slug, document: json as ServerJson, extras, readme };
}

/** What to run. Throws `not-allowed` with the reason when this Berth has no runtime for any package of the template. */
export function runnablePackage(template: Template): RunnablePackage {
  const { status, statusMessage } = template.extras;
  const definition = template.document.packages?.find(
    (candidate) => ECOSYSTEMS.includes(candidate.registryType) && candidate.transport.type === 'stdio',
  );
  if (status === 'unavailable' || definition?.version === undefined) {
    throw new BerthError(
      'not-allowed',
      `template ${template.slug} cannot be run here: ${statusMessage ?? 'it has no npm or PyPI package that speaks stdio.'}`,
      {
        hint: 'Choose another template: berth templates.',
      },
    );
  }
  return { ecosystem: definition.registryType as Ecosystem, version: definition.version, definition };
}

function parseJson(slug: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw fault(slug, [{ pointer: '', detail: 'is not valid JSON' }], cause);
  }
}

function check<T>(slug: string, schema: z.ZodType<T>, value: unknown, prefix: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const fields = result.error.issues.map((issue) => ({
    pointer: `${prefix}${issue.path.map((part) => `/${String(part)}`).join('')}`,
    detail: issue.message,
  }));
  throw fault(slug, fields, result.error);
}

function fault(
  slug: string,
  fields: readonly { pointer: string; detail: string }[],
  cause?: unknown,
): BerthError {
  const first = fields[0];
  return new BerthError(
    'bad-setting',
    `template ${slug}/server.json${first?.pointer ?? ''}: ${first?.detail ?? 'is invalid'}`,
    {
      hint: 'Correct the template file and start Berth again.',
      fields,
      cause,
    },
  );
}
