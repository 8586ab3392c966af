/** A template for a person to read. */
import type { TemplateAnswer, TemplateDetails } from './catalog-client.ts';
import { clean } from './failure.ts';
import { formatTable } from './table.ts';

const MOST_TOOLS = 20;

/** `yes`, or `no`: whether it has been seen to work. */
export function verifiedWord({ verified }: TemplateAnswer): string {
  return verified ? 'yes' : 'no';
}

export function describeTemplate(template: TemplateDetails): string {
  const { title, slug, description, package: found, remote, readme } = template;
  const source = found ? `${found.type}:${found.name} ${found.version ?? ''}`.trim() : remote?.url;
  const inputs = inputRows(template);
  return [
    `${title} (${slug}): ${description}`,
    ...(source === undefined ? [] : [source]),
    ...notes(template),
    ...(inputs.length > 0 ? ['', formatTable(['INPUT', 'KIND', 'DEFAULT', 'WHAT'], inputs).trimEnd()] : []),
    ...toolLines(template),
    '',
    readme.trimEnd(),
    '',
  ]
    .map((text) => text.split('\n').map(clean).join('\n'))
    .join('\n');
}

function notes({
  status,
  statusMessage,
  warning,
  verified,
  reason,
  checkedAt,
  origin,
}: TemplateDetails): string[] {
  return [
    ...(status === 'active' ? [] : [`${status}: ${statusMessage ?? 'no reason is known'}`]),
    ...(warning === undefined ? [] : [`warning: ${warning}`]),
    verified
      ? `verified: installed and started on ${checkedAt ?? ''}`.trim()
      : `unverified: ${reason ?? 'never checked'}`,
    ...(origin === 'custom' ? ['added here, not part of Berth'] : []),
  ];
}

function inputRows(template: TemplateDetails): string[][] {
  return [
    ...template.variables.map((variable) => [
      variable.name,
      flags(variable.required, variable.secret),
      variable.default ?? '',
      variable.description ?? '',
    ]),
    ...template.arguments.map((argument) => [
      argument.name ?? '',
      `${flags(argument.required, false)} argument`.trim(),
      argument.default ?? '',
      argument.description ?? '',
    ]),
  ];
}

function flags(required: boolean, secret: boolean): string {
  return [required ? 'required' : '', secret ? 'secret' : ''].filter((word) => word !== '').join(', ');
}

function toolLines({ tools }: TemplateDetails): string[] {
  if (tools.length === 0) return [];
  const names = tools.slice(0, MOST_TOOLS).map(({ name }) => name);
  const more = tools.length > names.length ? ` and ${tools.length - names.length} more` : '';
  return ['', `${tools.length} tools: ${names.join(', ')}${more}`];
}
