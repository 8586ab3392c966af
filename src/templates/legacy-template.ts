/** Templates in the form of an earlier system (feature 002-75): read into `server.json`. */
import { z } from 'zod';
import { SERVER_JSON_SCHEMA } from './server-json.ts';
import { EXTRAS_KEY, PUBLISHER_KEY } from './template-extras.ts';

const text = z.string().max(4_000);
const optional = text.nullish();

/** Its kinds of servers, and the registry that each takes its package from. */
const REGISTRIES = {
  npx: 'npm',
  npm: 'npm',
  uv: 'pypi',
  uvx: 'pypi',
  python: 'pypi',
  docker: 'oci',
  archon: 'oci',
} as const;

const capability = z.looseObject({ name: text, description: optional, category: optional });

export const legacyTemplateSchema = z.looseObject({
  server_id: text.min(1),
  name: text.min(1),
  description: text,
  server_type: z.enum(Object.keys(REGISTRIES) as [keyof typeof REGISTRIES]),
  package: optional,
  command: optional,
  default_args: z.array(text).nullish(),
  required_env: z.array(text).nullish(),
  optional_env: z.record(z.string(), text.nullable()).nullish(),
  transport: z.enum(['stdio', 'sse', 'http', 'websocket']).nullish(),
  default_port: z.int().nullish(),
  capabilities: z.array(capability).nullish(),
  tags: z.array(text).nullish(),
  documentation_url: optional,
  repository_url: optional,
  version: optional,
  author: optional,
  license: optional,
});

export type LegacyTemplate = z.infer<typeof legacyTemplateSchema>;

const SECRET_NAME = /key|token|secret|passw|credential|connection_string/i;
const MAX_DESCRIPTION = 100;
const MAX_TITLE = 100;

/** True for an object that can only be one of these. */
export function isLegacyTemplate(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'server_id' in value && 'server_type' in value;
}

/** The document that means the same. Throws a zod error for what is no legacy template. */
export function fromLegacyTemplate(value: unknown): unknown {
  const legacy = legacyTemplateSchema.parse(value);
  const slug = legacy.server_id
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  return {
    $schema: SERVER_JSON_SCHEMA,
    name: `dev.berth.custom/${slug}`,
    title: legacy.name.slice(0, MAX_TITLE),
    description: shorten(legacy.description || legacy.name),
    version: legacy.version || '0.0.0',
    ...(isUrl(legacy.repository_url) && { repository: { url: legacy.repository_url, source: 'git' } }),
    ...(isUrl(legacy.documentation_url) && { websiteUrl: legacy.documentation_url }),
    packages: [toPackage(legacy)],
    _meta: { [PUBLISHER_KEY]: { [EXTRAS_KEY]: toExtras(legacy, slug) } },
  };
}

function toPackage(legacy: LegacyTemplate): unknown {
  const { transport, default_port: port, optional_env: optionalEnv, required_env: requiredEnv } = legacy;
  const variables = [
    ...(requiredEnv ?? []).map((name) => ({
      name,
      isRequired: true,
      ...(SECRET_NAME.test(name) && { isSecret: true }),
    })),
    ...Object.entries(optionalEnv ?? {}).map(([name, value]) => ({
      name,
      ...(value !== null && { default: value }),
    })),
  ];
  const args = (legacy.default_args ?? []).map((value) => ({ type: 'positional', value }));
  return {
    registryType: REGISTRIES[legacy.server_type],
    identifier: legacy.package || legacy.command || legacy.server_id,
    ...(legacy.version && { version: legacy.version }),
    ...(args.length > 0 && { packageArguments: args }),
    ...(variables.length > 0 && { environmentVariables: variables }),
    transport:
      transport === 'sse' || transport === 'http'
        ? { type: transport === 'sse' ? 'sse' : 'streamable-http', url: `http://127.0.0.1:${port ?? 8080}/` }
        : { type: 'stdio' },
  };
}

function toExtras({ capabilities, tags, license, author }: LegacyTemplate, slug: string): unknown {
  const [first] = capabilities ?? [];
  return {
    v: 1,
    slug,
    category: first?.category || 'other',
    tags: tags ?? [],
    tier: 'community',
    status: 'active',
    ...(license && { license }),
    ...(author && { author }),
    tools: (capabilities ?? []).map(({ name, description }) => ({
      name,
      ...(description && { description: description.slice(0, 500) }),
    })),
  };
}

function shorten(description: string): string {
  if (description.length <= MAX_DESCRIPTION) return description;
  return `${description.slice(0, MAX_DESCRIPTION - 2).replace(/\s+\S*$/, '')} …`;
}

function isUrl(value: string | null | undefined): value is string {
  return value !== undefined && value !== null && URL.canParse(value);
}
