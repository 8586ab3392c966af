/** Templates as the API shows them. */
import { installCommand } from '../packages/install-command.ts';
import { remoteVariables } from '../servers/remote-template.ts';
import type { ServerJsonArgument, ServerJsonVariable } from '../templates/server-json.ts';
import { findRunnable, type Template, typeOf } from '../templates/template.ts';
import { verificationOf } from '../templates/template-check.ts';
import { toolsOf } from '../templates/template-tools.ts';

/** One line of the list. */
export function summarise(template: Template) {
  const { slug, document, extras, custom } = template;
  const runnable = findRunnable(template);
  const definition = runnable?.definition ?? document.packages?.[0];
  const remote = document.remotes?.[0];
  return {
    slug,
    name: document.name,
    title: document.title ?? slug,
    description: document.description,
    version: document.version,
    type: typeOf(template),
    category: extras.category,
    tags: extras.tags,
    tier: extras.tier,
    status: extras.status,
    ...(extras.statusMessage !== undefined && { statusMessage: extras.statusMessage }),
    ...(extras.warning !== undefined && { warning: extras.warning }),
    ...(extras.replacedBy.length > 0 && { replacedBy: extras.replacedBy }),
    ...verificationOf(template),
    origin: custom ? 'custom' : 'built-in',
    ...custom,
    ...(definition && {
      package: {
        type: definition.registryType,
        name: definition.identifier,
        version: definition.version ?? null,
      },
    }),
    ...(remote && { remote: { url: remote.url, transport: remote.type } }),
    isolation: extras.behavior.isolation,
    variables: variablesOf(template).map(viewVariable),
    arguments: (definition?.packageArguments ?? [])
      .filter((argument) => argument.value === undefined)
      .map(viewArgument),
    tools: toolsOf(template).map(({ name }) => name),
  };
}

/** All of it. */
export function describe(template: Template) {
  const runnable = findRunnable(template);
  const { check, document, readme } = template;
  return {
    ...summarise(template),
    tools: toolsOf(template),
    ...(runnable && {
      install: installCommand({
        ecosystem: runnable.ecosystem,
        name: runnable.definition.identifier,
        ...(runnable.version !== undefined && { version: runnable.version }),
      }),
    }),
    ...(check && { check: { ...check, tools: check.tools.length } }),
    readme,
    server: document,
  };
}

function variablesOf(template: Template): readonly ServerJsonVariable[] {
  const definition = findRunnable(template)?.definition;
  const [remote] = template.document.remotes ?? [];
  const variables =
    definition || !remote
      ? (definition ?? template.document.packages?.[0])?.environmentVariables
      : remoteVariables(remote);
  return (variables ?? []).filter((variable) => definition === undefined || variable.value === undefined);
}

function viewVariable({
  name,
  description,
  isRequired,
  isSecret,
  default: fallback,
  choices,
}: ServerJsonVariable) {
  return {
    name,
    description,
    required: isRequired ?? false,
    secret: isSecret ?? false,
    default: fallback,
    choices,
  };
}

function viewArgument(argument: ServerJsonArgument) {
  const { type, description, isRequired, isRepeated, default: fallback, choices } = argument;
  const name = argument.type === 'named' ? argument.name : argument.valueHint;
  return {
    name,
    type,
    description,
    required: isRequired ?? false,
    repeated: isRepeated ?? false,
    default: fallback,
    choices,
  };
}
