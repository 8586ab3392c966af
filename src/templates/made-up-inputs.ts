/** Made-up values for what a template cannot be started without. */
import type { ServerJsonArgument, ServerJsonVariable } from './server-json.ts';
import type { Template } from './template.ts';
import { runnablePackage } from './template.ts';

export interface MadeUpInputs {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Values of the variables that are given by reference. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly names: readonly string[];
}

/** In no path and no message, or the scrubbing of secrets would cut it out there. */
const MADE_UP = 'made-up-4f1c9b';

/** Everything required, and the first of the alternatives. `folder` stands for every path. */
export function makeUpInputs(template: Template, folder: string): MadeUpInputs {
  const { definition } = runnablePackage(template);
  const [alternative = []] = template.extras.inputs?.anyOf ?? [];
  const variables = (definition.environmentVariables ?? []).filter(
    (variable) => isOpen(variable) && (variable.isRequired || alternative.includes(variable.name)),
  );
  const madeUp = (input: ServerJsonVariable | ServerJsonArgument): string =>
    input.format === 'filepath' ? folder : (input.placeholder ?? input.choices?.[0] ?? MADE_UP);
  const pairs = (secret: boolean) =>
    Object.fromEntries(
      variables.filter(({ isSecret = false }) => isSecret === secret).map((one) => [one.name, madeUp(one)]),
    );
  const args = (definition.packageArguments ?? []).filter((one) => isOpen(one) && one.isRequired);
  return {
    args: args.flatMap((one) =>
      one.type === 'positional'
        ? [madeUp(one)]
        : template.extras.runner.argStyle === 'equals'
          ? [`${one.name}=${madeUp(one)}`]
          : [one.name, madeUp(one)],
    ),
    env: pairs(false),
    secrets: pairs(true),
    names: [
      ...variables.map(({ name }) => name),
      ...args.map((one) => (one.type === 'named' ? one.name : (one.valueHint ?? 'argument'))),
    ],
  };
}

function isOpen({ value, default: fallback }: ServerJsonVariable | ServerJsonArgument): boolean {
  return (value ?? fallback) === undefined;
}

/** Values for secret variables of which only the names are known. */
export function makeUpSecrets(names: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(names.map((name) => [name, MADE_UP]));
}
