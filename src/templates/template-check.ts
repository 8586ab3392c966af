/**
 * What came of really installing and starting a template: `npm run catalogue:check` writes it beside the template, and the
 * catalogue tells it to users. A template is verified when exactly what it names today went through.
 */
import { z } from 'zod';
import type { Template } from './template.ts';

const text = z.string().max(2_000);

const parameter = z.strictObject({
  name: text,
  /** JSON type, or several with `|`; absent when the schema does not say. */
  type: text.optional(),
  required: z.boolean().optional(),
});

const tool = z.strictObject({
  name: text,
  description: text.optional(),
  parameters: z.array(parameter).default([]),
});

const failure = z.strictObject({
  code: text,
  message: text,
  phase: text.optional(),
  exitCode: z.int().optional(),
  stderr: z.array(text).max(50).optional(),
});

export const templateCheckSchema = z
  .strictObject({
    v: z.literal(1),
    /** As in `npm:name@version`. */
    package: text,
    /** Day, ISO 8601. */
    checkedAt: z.iso.date(),
    platform: text,
    result: z.enum(['passed', 'failed']),
    /** Names of the variables and arguments that it was given made-up values for. */
    inputs: z.array(text).default([]),
    protocolVersion: text.optional(),
    eras: z.array(z.enum(['legacy', 'modern'])).optional(),
    tools: z.array(tool).default([]),
    failure: failure.optional(),
  })
  .refine(({ result, failure }) => (result === 'failed') === (failure !== undefined), {
    path: ['failure'],
    message: 'belongs to a failed check, and only to that',
  });

export type TemplateCheck = z.infer<typeof templateCheckSchema>;
export type CheckedTool = TemplateCheck['tools'][number];

/** Whether the template has been seen to work, and if not, why it is not known to. */
export type Verification =
  | { readonly verified: true; readonly checkedAt: string; readonly platform: string }
  | { readonly verified: false; readonly reason: string; readonly checkedAt?: string };

/** What a check is about: `npm:name@version`; undefined when there is nothing that could be installed. */
export function checkedPackage(template: Template): string | undefined {
  const found = template.document.packages?.find(
    ({ registryType, transport }) =>
      (registryType === 'npm' || registryType === 'pypi') && transport.type === 'stdio',
  );
  return found?.version === undefined
    ? undefined
    : `${found.registryType}:${found.identifier}@${found.version}`;
}

export function verificationOf(template: Template): Verification {
  const { check } = template;
  const current = checkedPackage(template);
  if (current === undefined) return { verified: false, reason: 'there is no package to install and start' };
  if (!check) return { verified: false, reason: 'it has not been installed and started yet' };
  const { checkedAt, platform } = check;
  if (check.package !== current)
    return { verified: false, reason: `only ${check.package} has been checked`, checkedAt };
  if (check.failure) return { verified: false, reason: failureReason(check.failure), checkedAt };
  return { verified: true, checkedAt, platform };
}

function failureReason({ message, phase }: NonNullable<TemplateCheck['failure']>): string {
  return `its check failed${phase === undefined ? '' : ` in phase ${phase}`}: ${message}`;
}
