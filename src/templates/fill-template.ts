/** From a template and what a person gave for it to the exact arguments and variables of one server. */
import { BerthError } from '../errors.ts';
import type { PackageSource } from '../packages/package.ts';
import type { ServerJsonArgument, ServerJsonVariable } from './server-json.ts';
import type { RunnablePackage, Template } from './template.ts';
import { runnablePackage } from './template.ts';

/** What was given for a template. */
export interface TemplateInput {
  /** Replaces the version of the template. */
  readonly version?: string;
  readonly bin?: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Names of the variables that are given as references. */
  readonly secretNames: readonly string[];
  /** Names of the variables that are given elsewhere, where they are no secret. */
  readonly configNames?: readonly string[];
  /** Secrets are those of the cluster, and references to them are written so. */
  readonly inCluster?: boolean;
}

/** All that is known before a package is resolved. */
export interface FilledTemplate {
  readonly source: PackageSource;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Variables whose value is a file of this name in the server's private home. */
  readonly homeFiles: Readonly<Record<string, string>>;
}

type Field = { readonly pointer: string; readonly detail: string };

/**
 * Fills a template in. Throws `not-allowed` when nothing here can run it, `bad-input` for a value that may not be given
 * (a literal for a secret, a fixed variable, no choice of the list) and `missing-input` that names all that is missing.
 */
export function fillTemplate(template: Template, input: TemplateInput): FilledTemplate {
  const runnable = runnablePackage(template);
  const variables = runnable.definition.environmentVariables ?? [];
  const declared = runnable.definition.packageArguments ?? [];
  refuse(template.slug, [
    ...variables.flatMap((variable) => variableFaults(variable, input)),
    ...argumentFaults(declared, input.args),
  ]);
  requireInputs(template, variables, declared, input);
  const { runner } = template.extras;
  const given = namesOf(input);
  return {
    source: toSource(template, runnable, input),
    args: renderArguments(declared, input.args, runner.argStyle),
    env: { ...defaults(variables, given), ...input.env },
    homeFiles: Object.fromEntries(Object.entries(runner.homeFiles).filter(([name]) => !given.has(name))),
  };
}

function namesOf({ env, secretNames, configNames = [] }: TemplateInput): Set<string> {
  return new Set([...Object.keys(env), ...secretNames, ...configNames]);
}

function toSource(template: Template, runnable: RunnablePackage, input: TemplateInput): PackageSource {
  const { runner } = template.extras;
  const bin = input.bin ?? runner.bin;
  const version = input.version ?? runnable.version;
  return {
    ecosystem: runnable.ecosystem,
    name: runnable.definition.identifier,
    ...(version !== undefined && { version }),
    ...(bin !== undefined && { bin }),
    ...(runner.allowInstallScripts && { allowInstallScripts: true }),
    ...(runner.constraints.length > 0 && { constraints: runner.constraints }),
    ...(runner.overrides.length > 0 && { overrides: runner.overrides }),
  };
}

function variableFaults(variable: ServerJsonVariable, input: TemplateInput): Field[] {
  const { name, choices } = variable;
  const value = input.env[name];
  const pointer = `/env/${name}`;
  if (variable.value !== undefined && namesOf(input).has(name)) {
    return [{ pointer, detail: `${name} is fixed by the template` }];
  }
  if (variable.isSecret && input.configNames?.includes(name))
    return [
      { pointer: `/configMaps/${name}`, detail: `${name} is secret: a ConfigMap is not, give a Secret` },
    ];
  if (value === undefined) return [];
  if (variable.isSecret)
    return [
      {
        pointer,
        detail: `${name} is secret: give it as a reference, as in --secret ${name}=${referenceTo(name, input)}, never as a value`,
      },
    ];
  if (choices && !choices.includes(value))
    return [{ pointer, detail: `${name} must be one of ${choices.join(', ')}` }];
  return [];
}

function argumentFaults(declared: readonly ServerJsonArgument[], args: readonly string[]): Field[] {
  return declared.flatMap((argument) => {
    if (argument.type !== 'named' || !argument.choices) return [];
    const value = flagValue(argument.name, args);
    if (value === undefined || argument.choices.includes(value)) return [];
    return [{ pointer: '/args', detail: `${argument.name} must be one of ${argument.choices.join(', ')}` }];
  });
}

function refuse(slug: string, fields: readonly Field[]): void {
  const [first] = fields;
  if (first) throw new BerthError('bad-input', `${slug}: ${first.detail}`, { fields });
}

function requireInputs(
  template: Template,
  variables: readonly ServerJsonVariable[],
  declared: readonly ServerJsonArgument[],
  input: TemplateInput,
): void {
  const given = namesOf(input);
  const missing = variables.filter(
    (variable) =>
      variable.isRequired && !given.has(variable.name) && (variable.value ?? variable.default) === undefined,
  );
  const alternatives = missingAlternative(template, given);
  const args = declared.filter(
    (argument) => argument.isRequired && isArgumentMissing(argument, declared, input.args),
  );
  if (missing.length === 0 && args.length === 0 && alternatives === undefined) return;
  const needs = [
    ...missing.map((variable) => (variable.isSecret ? `${variable.name} (secret)` : variable.name)),
    ...(alternatives === undefined ? [] : [alternatives]),
    ...args.map((argument) =>
      argument.type === 'named' ? argument.name : `${argument.valueHint ?? 'an argument'} (argument)`,
    ),
  ];
  throw new BerthError('missing-input', `${template.slug} needs ${needs.join(', ')}`, {
    hint: runHint(template.slug, { variables: missing, args }, input),
    fields: [
      ...missing.map(({ name, isSecret }) => ({
        pointer: `/${isSecret ? 'secrets' : 'env'}/${name}`,
        detail: 'is required',
      })),
      ...args.map((argument) => ({
        pointer: '/args',
        detail: `${argument.type === 'named' ? argument.name : (argument.valueHint ?? 'argument')} is required`,
      })),
    ],
  });
}

function missingAlternative(template: Template, given: ReadonlySet<string>): string | undefined {
  const anyOf = template.extras.inputs?.anyOf;
  if (!anyOf || anyOf.some((names) => names.every((name) => given.has(name)))) return undefined;
  return anyOf.map((names) => names.join(' and ')).join(', or ');
}

interface Missing {
  readonly variables: readonly ServerJsonVariable[];
  readonly args: readonly ServerJsonArgument[];
}

function referenceTo(name: string, { inCluster }: TemplateInput): string {
  return inCluster ? 'secret:NAME/KEY' : `env:${name}`;
}

/** The command that would have worked, as far as it can be known. */
function runHint(slug: string, { variables, args }: Missing, input: TemplateInput): string {
  const secret = variables.find((variable) => variable.isSecret);
  const flags = variables.map(({ name, isSecret }) =>
    isSecret ? `--secret ${name}=${referenceTo(name, input)}` : `--env ${name}=…`,
  );
  const rest = args.map(
    (argument) =>
      argument.placeholder ??
      (argument.type === 'named' ? `${argument.name}=…` : `<${argument.valueHint ?? 'value'}>`),
  );
  const command = ['berth run', slug, ...flags, ...(rest.length > 0 ? ['--', ...rest] : [])].join(' ');
  if (!secret) return `Give it: ${command}`;
  return input.inCluster
    ? `Give it as a reference: ${command}, to a Secret beside the server that is labelled berth.dev/usable=true; in an MCPServer in spec.secrets.`
    : `Give it as a reference: ${command} or file:/path/to/key`;
}

function isArgumentMissing(
  argument: ServerJsonArgument,
  declared: readonly ServerJsonArgument[],
  args: readonly string[],
): boolean {
  if ((argument.value ?? argument.default) !== undefined) return false;
  if (argument.type === 'named') return !hasFlag(argument.name, args);
  const open = declared.filter((other) => other.type === 'positional' && other.value === undefined);
  return args.filter((arg) => !arg.startsWith('-')).length <= open.indexOf(argument);
}

function renderArguments(
  declared: readonly ServerJsonArgument[],
  args: readonly string[],
  style: 'equals' | 'separate',
): string[] {
  const own = declared.flatMap((argument) => {
    const value =
      argument.value === undefined ? argument.default : substitute(argument.value, argument.variables);
    if (value === undefined) return [];
    if (argument.type === 'positional') return argument.value === undefined && args.length > 0 ? [] : [value];
    if (argument.value === undefined && hasFlag(argument.name, args)) return [];
    if (argument.format === 'boolean') return value === 'true' ? [argument.name] : [];
    return style === 'equals' ? [`${argument.name}=${value}`] : [argument.name, value];
  });
  return [...own, ...args];
}

function defaults(
  variables: readonly ServerJsonVariable[],
  given: ReadonlySet<string>,
): Record<string, string> {
  const env: Record<string, string> = {};
  for (const { name, value, default: fallback, variables: inner } of variables) {
    if (value !== undefined) env[name] = substitute(value, inner);
    else if (fallback !== undefined && !given.has(name)) env[name] = fallback;
  }
  return env;
}

function substitute(value: string, variables: ServerJsonVariable['variables']): string {
  return value.replace(
    /\{(\w+)\}/g,
    (whole, name: string) => variables?.[name]?.value ?? variables?.[name]?.default ?? whole,
  );
}

function hasFlag(name: string, args: readonly string[]): boolean {
  return args.some((arg) => arg === name || arg.startsWith(`${name}=`));
}

function flagValue(name: string, args: readonly string[]): string | undefined {
  const at = args.findIndex((arg) => arg === name || arg.startsWith(`${name}=`));
  const found = args[at];
  if (found === undefined) return undefined;
  return found === name ? args[at + 1] : found.slice(name.length + 1);
}
