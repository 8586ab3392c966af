/** The MCP `server.json` format, revision 2025-12-11: what a template file must be before anything of ours is read from it. */
import { z } from 'zod';

/** Value of `$schema` in every template. */
export const SERVER_JSON_SCHEMA =
  'https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json';

const input = {
  description: z.string().optional(),
  isRequired: z.boolean().optional(),
  isSecret: z.boolean().optional(),
  format: z.enum(['string', 'number', 'boolean', 'filepath']).optional(),
  default: z.string().optional(),
  placeholder: z.string().optional(),
  choices: z.array(z.string()).optional(),
  value: z.string().optional(),
};

const withVariables = { ...input, variables: z.record(z.string(), z.looseObject(input)).optional() };

const keyValue = z.looseObject({ name: z.string().min(1), ...withVariables });

const positional = z
  .looseObject({
    type: z.literal('positional'),
    valueHint: z.string().optional(),
    isRepeated: z.boolean().optional(),
    ...withVariables,
  })
  .refine((argument) => argument.valueHint !== undefined || argument.value !== undefined, {
    message: 'a positional argument needs valueHint or value',
  });

const named = z.looseObject({
  type: z.literal('named'),
  name: z.string().min(1),
  isRepeated: z.boolean().optional(),
  ...withVariables,
});

const argument = z.union([named, positional]);

const urlTemplate = z.string().regex(/^(https?:\/\/[^\s]+|\{[a-zA-Z_][a-zA-Z0-9_]*\}[^\s]*)$/);
const httpTransport = { url: urlTemplate, headers: z.array(keyValue).optional() };

const transport = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('stdio') }),
  z.looseObject({ type: z.literal('streamable-http'), ...httpTransport }),
  z.looseObject({ type: z.literal('sse'), ...httpTransport }),
]);

/** One exact version: the format forbids `latest` and ranges. */
const exactVersion = z
  .string()
  .min(1)
  .max(255)
  .regex(/^(?!latest$)[^\s^~<>=*|]+$/, 'must be one exact version')
  .refine((version) => !/(^|\.)[xX](\.|$)/.test(version), 'must be one exact version');

const serverPackage = z.looseObject({
  registryType: z.string().min(1),
  identifier: z.string().min(1),
  version: exactVersion.optional(),
  registryBaseUrl: z.url().optional(),
  fileSha256: z
    .string()
    .regex(/^[a-f0-9]{64}$/)
    .optional(),
  runtimeHint: z.string().optional(),
  runtimeArguments: z.array(argument).optional(),
  packageArguments: z.array(argument).optional(),
  environmentVariables: z.array(keyValue).optional(),
  transport,
});

const icon = z.looseObject({
  src: z.url().max(255),
  mimeType: z.enum(['image/png', 'image/jpeg', 'image/jpg', 'image/svg+xml', 'image/webp']).optional(),
  sizes: z.array(z.string().regex(/^(\d+x\d+|any)$/)).optional(),
  theme: z.enum(['light', 'dark']).optional(),
});

/** A template file that comes with Berth. */
export const serverJsonSchema = z.looseObject({
  $schema: z.literal(SERVER_JSON_SCHEMA),
  name: z
    .string()
    .min(3)
    .max(200)
    .regex(/^[a-zA-Z0-9.-]+\/[a-zA-Z0-9._-]+$/),
  title: z.string().min(1).max(100).optional(),
  description: z.string().min(1).max(100),
  version: exactVersion,
  websiteUrl: z.url().optional(),
  icons: z.array(icon).optional(),
  repository: z
    .looseObject({
      url: z.url(),
      source: z.string(),
      id: z.string().optional(),
      subfolder: z.string().optional(),
    })
    .optional(),
  packages: z.array(serverPackage).optional(),
  remotes: z.array(z.looseObject({ type: z.enum(['streamable-http', 'sse']), ...httpTransport })).optional(),
  _meta: z
    .looseObject({
      'io.modelcontextprotocol.registry/publisher-provided': z.record(z.string(), z.unknown()).optional(),
    })
    .optional(),
});

/** A document from elsewhere: it may name another published revision of the schema, or none. */
export const anyServerJsonSchema = serverJsonSchema.extend({
  $schema: z
    .string()
    .regex(
      /^https:\/\/static\.modelcontextprotocol\.io\/schemas\/(\d{4}-\d{2}-\d{2}|draft)\/server\.schema\.json$/,
      'must be a published schema of server.json',
    )
    .optional(),
});

export type ServerJson = z.infer<typeof anyServerJsonSchema>;
export type ServerJsonRemote = NonNullable<ServerJson['remotes']>[number];
export type ServerJsonPackage = z.infer<typeof serverPackage>;
export type ServerJsonArgument = z.infer<typeof argument>;
export type ServerJsonVariable = z.infer<typeof keyValue>;
