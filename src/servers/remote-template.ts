/** From a template of a server that somebody else runs, and the references that a person gave, to that remote server. */
import { BerthError } from '../errors.ts';
import type { ServerJsonRemote, ServerJsonVariable } from '../templates/server-json.ts';
import { findRunnable, type Template } from '../templates/template.ts';
import type { RemoteSpec } from './remote-spec.ts';
import { remoteSchema } from './remote-spec.ts';
import type { SecretReference } from './secret-reference.ts';
import { type ServerSpec, toInputError } from './server-spec.ts';

/** `Bearer {TOKEN}`, or `{TOKEN}` alone. */
const HEADER_VALUE = /^(?:([A-Za-z][A-Za-z0-9-]*) )?\{(\w+)\}$/;

/** What only a program takes. */
const PROGRAM_FIELDS = ['bin', 'version', 'args', 'env'] as const;

/** True when a server of the template is one that runs elsewhere. */
export function isRemoteTemplate(template: Template): boolean {
  const { remotes = [] } = template.document;
  return template.extras.status !== 'unavailable' && !findRunnable(template) && remotes.length > 0;
}

/** Throws `bad-input` for what a remote server cannot be given, `missing-input` for a header without its secret, `not-allowed` for a URL with gaps. */
export function planRemoteTemplate(template: Template, spec: ServerSpec): RemoteSpec {
  const remote = template.document.remotes?.[0];
  if (!remote) throw new BerthError('not-allowed', `template ${template.slug} has no remote server`);
  refuseProgramFields(template, spec);
  if (remote.url.includes('{')) {
    throw new BerthError('not-allowed', `the URL of template ${template.slug} has to be filled in`, {
      hint: `Give the whole URL instead of the template: berth run https://…, as in ${remote.url}.`,
    });
  }
  const headers = headersOf(template.slug, remote, spec.secrets);
  const result = remoteSchema.safeParse({ url: remote.url, transport: remote.type, headers });
  if (!result.success) throw toInputError(result.error);
  return result.data;
}

/** The variables that the headers of a remote server take. */
export function remoteVariables(remote: ServerJsonRemote): ServerJsonVariable[] {
  return (remote.headers ?? []).flatMap((header) => {
    const [, , name] = HEADER_VALUE.exec(header.value ?? '') ?? [];
    if (name === undefined) return [];
    return [{ ...header.variables?.[name], isRequired: header.isRequired ?? false, isSecret: true, name }];
  });
}

function refuseProgramFields({ slug }: Template, spec: ServerSpec): void {
  const given = PROGRAM_FIELDS.filter((field) => {
    const value = spec[field];
    return value !== undefined && Object.keys(value).length > 0;
  });
  const [first] = given;
  if (first === undefined) return;
  throw new BerthError('bad-input', `${slug}: ${first} is nothing that a remote server can be given`, {
    fields: given.map((field) => ({
      pointer: `/${field}`,
      detail: 'is nothing that a remote server can be given',
    })),
  });
}

function headersOf(
  slug: string,
  remote: ServerJsonRemote,
  secrets: Readonly<Record<string, SecretReference>>,
): Record<string, SecretReference & { scheme?: string }> {
  const headers: Record<string, SecretReference & { scheme?: string }> = {};
  const missing: string[] = [];
  const open = new Set(Object.keys(secrets));
  for (const header of remote.headers ?? []) {
    const [, scheme, name] = HEADER_VALUE.exec(header.value ?? '') ?? [];
    if (name === undefined) continue;
    open.delete(name);
    const reference = secrets[name];
    if (reference) headers[header.name] = { ...reference, ...(scheme !== undefined && { scheme }) };
    else if (header.isRequired) missing.push(name);
  }
  if (missing.length > 0) throw missingSecrets(slug, missing);
  const [unknown] = open;
  if (unknown !== undefined) throw unknownSecret(slug, unknown);
  return headers;
}

function missingSecrets(slug: string, names: readonly string[]): BerthError {
  const flags = names.map((name) => `--secret ${name}=env:${name}`).join(' ');
  return new BerthError(
    'missing-input',
    `${slug} needs ${names.map((name) => `${name} (secret)`).join(', ')}`,
    {
      hint: `Give it as a reference: berth run ${slug} ${flags} or file:/path/to/key`,
      fields: names.map((name) => ({ pointer: `/secrets/${name}`, detail: 'is required' })),
    },
  );
}

function unknownSecret(slug: string, name: string): BerthError {
  return new BerthError('bad-input', `${slug} has no use for ${name}`, {
    fields: [{ pointer: `/secrets/${name}`, detail: 'is no secret of this template' }],
    hint: `See what it takes: berth catalog show ${slug}.`,
  });
}
