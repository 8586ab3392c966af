/** What a person may ask to be tried: the part of a server's specification that says what runs, and how it is held in. */
import { z } from 'zod';
import { parseServerSpec, type ServerSpec, toInputError } from '../servers/server-spec.ts';
import type { TemplateCatalogue } from '../templates/catalogue.ts';
import { makeUpInputs, makeUpSecrets } from '../templates/made-up-inputs.ts';
import { SLUG } from '../templates/template-extras.ts';

const json = z.unknown();

/** Their values are made up: nothing is looked up. */
const NO_REFERENCE = 'env:MADE_UP';

export const inspectionSchema = z.strictObject({
  template: json.optional(),
  source: json.optional(),
  version: json.optional(),
  bin: json.optional(),
  args: z.array(z.string()).default([]),
  env: z.record(z.string(), z.string()).default({}),
  /** Names of secret variables that it needs: each gets a made-up value. */
  secrets: z
    .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'must be the name of a variable'))
    .default([]),
  /** Name of the template that is made of it. */
  slug: z.string().regex(SLUG, 'must be lower-case letters, digits and dashes').optional(),
  /** The network of the machine instead of none. */
  network: z.boolean().default(false),
  /** Without a sandbox, as `run` would start it. */
  unsafe: z.boolean().default(false),
});

export type InspectionRequest = z.output<typeof inspectionSchema>;

/** Throws `bad-input` for a body that is none. */
export function parseInspection(body: unknown): InspectionRequest {
  const result = inspectionSchema.safeParse(body);
  if (!result.success) throw toInputError(result.error, 'an inspection');
  return result.data;
}

export interface CompletedSpec {
  readonly spec: ServerSpec;
  /** By name, made-up values of secret variables. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Names of everything made up. */
  readonly madeUp: readonly string[];
}

/** The specification with made-up values for what the template demands and nobody gave. `folder` stands for paths. Throws as `parseServerSpec`. */
export function completeSpec(
  request: InspectionRequest,
  templates: TemplateCatalogue,
  folder: string,
): CompletedSpec {
  const { template, source, version, bin, args, env } = request;
  const found = typeof template === 'string' ? templates.get(template) : undefined;
  const made = found?.document.packages ? makeUpInputs(found, folder) : undefined;
  const open = (values: Readonly<Record<string, string>> = {}) =>
    Object.fromEntries(
      Object.entries(values).filter(([name]) => !(name in env) && !request.secrets.includes(name)),
    );
  const secrets = { ...open(made?.secrets), ...makeUpSecrets(request.secrets) };
  const variables = open(made?.env);
  const madeArgs = args.length > 0 ? [] : (made?.args ?? []);
  const spec = parseServerSpec({
    ...{ template, source, version, bin },
    name: 'inspection',
    args: args.length > 0 ? args : madeArgs,
    env: { ...variables, ...env },
    secrets: Object.fromEntries(Object.keys(secrets).map((name) => [name, NO_REFERENCE])),
  });
  const isVariable = (name: string) => made !== undefined && (name in made.env || name in made.secrets);
  const ofArgs = madeArgs.length > 0 ? (made?.names ?? []).filter((name) => !isVariable(name)) : [];
  return { spec, secrets, madeUp: [...Object.keys(secrets), ...Object.keys(variables), ...ofArgs] };
}
