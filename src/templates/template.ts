/** A template: a catalogue entry that says how one kind of server is run. It never holds anybody's values. */
import type { z } from 'zod';
import { BerthError } from '../errors.ts';
import type { Ecosystem } from '../packages/package.ts';
import { deriveExtras } from './derive-extras.ts';
import type { ServerJson, ServerJsonPackage } from './server-json.ts';
import { anyServerJsonSchema, serverJsonSchema } from './server-json.ts';
import type { TemplateCheck } from './template-check.ts';
import type { TemplateExtras } from './template-extras.ts';
import { EXTRAS_KEY, findExtras, templateExtrasSchema } from './template-extras.ts';

export interface Template {
  /** Folder name, and the name that people type. */
  readonly slug: string;
  /** The parsed file as it is, unknown members included: serialising it gives the same JSON. */
  readonly document: ServerJson;
  /** Those of the document, or derived from it when it has none of ours. */
  readonly extras: TemplateExtras;
  /** The long description, Markdown; empty when there is none. */
  readonly readme: string;
  /** Its newest check, when there has been one. */
  readonly check?: TemplateCheck;
  /** Of a template that somebody has added; those that come with Berth have none. */
  readonly custom?: { readonly revision: number; readonly updatedAt: string };
}

/** The package that Berth runs for a template. */
export interface RunnablePackage {
  readonly ecosystem: Ecosystem;
  /** Absent: the one that the registry offers when a server is made. */
  readonly version?: string;
  readonly definition: ServerJsonPackage;
}

export interface DocumentFault {
  /** JSON pointer. */
  readonly pointer: string;
  readonly detail: string;
}

const ECOSYSTEMS: readonly string[] = ['npm', 'pypi'] satisfies Ecosystem[];

/** Reads one template file. Throws `bad-setting` that names each fault by its JSON pointer. */
export function parseTemplate(slug: string, text: string, readme = ''): Template {
  const json = parseJson(slug, text);
  const document = check(serverJsonSchema, json, '');
  const extras = document.ok
    ? check(templateExtrasSchema, findExtras(document.value), `/_meta/…/${EXTRAS_KEY}`)
    : document;
  if (!extras.ok) throw fileFault(slug, extras.faults);
  if (extras.value.slug !== slug)
    throw fileFault(slug, [
      { pointer: `/_meta/…/${EXTRAS_KEY}/slug`, detail: `must be "${slug}", the name of its folder` },
    ]);
  return { slug, document: json as ServerJson, extras: extras.value, readme };
}

/**
 * Makes a template of any `server.json`, also of one that has nothing of ours: what is missing then is derived from it. The document is
 * kept as it is. Throws `bad-input` that names each fault by its JSON pointer.
 */
export function readDocument(json: unknown, readme = '', slug?: string): Template {
  const document = check(anyServerJsonSchema, json, '');
  if (!document.ok) throw inputFault(document.faults);
  const own = findExtras(document.value);
  const extras = check(
    templateExtrasSchema,
    own ?? deriveExtras(document.value, slug),
    own === undefined ? '' : `/_meta/…/${EXTRAS_KEY}`,
  );
  if (!extras.ok) throw inputFault(extras.faults);
  return { slug: extras.value.slug, document: json as ServerJson, extras: extras.value, readme };
}

/** The package that Berth can run, whatever the state of the template. */
export function findRunnable({ document }: Template): RunnablePackage | undefined {
  const definition = document.packages?.find(
    ({ registryType, transport }) => ECOSYSTEMS.includes(registryType) && transport.type === 'stdio',
  );
  if (!definition) return undefined;
  const { version, registryType } = definition;
  return { ecosystem: registryType as Ecosystem, definition, ...(version !== undefined && { version }) };
}

/** What to run. Throws `not-allowed` with the reason when this Berth has no runtime for any package of the template. */
export function runnablePackage(template: Template): RunnablePackage {
  const { status, statusMessage } = template.extras;
  const found = findRunnable(template);
  if (found && status !== 'unavailable') return found;
  throw new BerthError(
    'not-allowed',
    `template ${template.slug} cannot be run here: ${statusMessage ?? 'it has no npm or PyPI package that speaks stdio.'}`,
    { hint: 'Choose another template: berth catalog list.' },
  );
}

/** What kind of server it is: `npm`, `pypi`, `oci` and other registries, or `remote`. */
export function typeOf(template: Template): string {
  const { packages = [], remotes = [] } = template.document;
  const runnable = findRunnable(template);
  if (runnable) return runnable.ecosystem;
  return remotes.length > 0 ? 'remote' : (packages[0]?.registryType ?? 'none');
}

type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly faults: DocumentFault[] };

function check<T>(schema: z.ZodType<T>, value: unknown, prefix: string): Checked<T> {
  const result = schema.safeParse(value);
  if (result.success) return { ok: true, value: result.data };
  const faults = result.error.issues.map((issue) => ({
    pointer: `${prefix}${issue.path.map((part) => `/${String(part)}`).join('')}`,
    detail: issue.message,
  }));
  return { ok: false, faults };
}

function parseJson(slug: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw fileFault(slug, [{ pointer: '', detail: 'is not valid JSON' }], cause);
  }
}

function fileFault(slug: string, fields: readonly DocumentFault[], cause?: unknown): BerthError {
  const first = fields[0];
  return new BerthError(
    'bad-setting',
    `template ${slug}/server.json${first?.pointer ?? ''}: ${first?.detail ?? 'is invalid'}`,
    { hint: 'Correct the template file and start Berth again.', fields, cause },
  );
}

function inputFault(fields: readonly DocumentFault[]): BerthError {
  const [first] = fields;
  const message = first ? `server.json${first.pointer}: ${first.detail}` : 'the document is no server.json';
  return new BerthError('bad-input', message, {
    fields,
    hint: 'Correct the named members; docs/templates.md has an example.',
  });
}
