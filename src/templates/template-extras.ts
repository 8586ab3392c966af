/** What Berth keeps about a template beyond `server.json`, under one key of its publisher-provided `_meta`. */
import { z } from 'zod';
import type { ServerJson } from './server-json.ts';

export const PUBLISHER_KEY = 'io.modelcontextprotocol.registry/publisher-provided';

/** Our key inside the publisher-provided metadata; nothing of ours stands anywhere else in the file. */
export const EXTRAS_KEY = 'dev.berth/template';

const text = z.string().min(1).max(500);

/** Names that people type. */
export const SLUG = /^[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?$/;

const runner = z.strictObject({
  /** Range of the Node or Python that the package needs. */
  node: text.optional(),
  /** What it is in a cluster, where it is no package: there it runs, and on one machine it cannot. */
  source: z.enum(['archon']).optional(),
  python: text.optional(),
  bin: text.optional(),
  /** Programs that must be on the machine and that no package brings. */
  needs: z.array(text).default([]),
  /** Further requirements for the PyPI resolver. */
  constraints: z.array(text).default([]),
  /** Requirements that take the place of those that the package and its dependencies have. */
  overrides: z.array(text).default([]),
  /** `equals`: `--name=value`; `separate`: `--name value`. */
  argStyle: z.enum(['equals', 'separate']).default('equals'),
  allowInstallScripts: z.boolean().default(false),
  /** Variables whose default is a file of this name in the private home of the server. */
  homeFiles: z.record(z.string(), z.string().regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]*$/)).default({}),
});

const behavior = z.strictObject({
  stateful: z.boolean().default(false),
  isolation: z.enum(['session', 'principal', 'shared', 'call']).default('session'),
  sessions: z.enum(['minted', 'none']).default('minted'),
  /** Processes that are started before anybody asks, for servers whose own start takes long. */
  spares: z.int().min(0).max(10).optional(),
});

export const templateExtrasSchema = z.strictObject({
  v: z.literal(1),
  slug: z.string().regex(SLUG, 'must be lower-case letters, digits and dashes'),
  category: text,
  tags: z.array(text).max(50),
  tier: z.enum(['reference', 'official', 'community']),
  /** `unavailable`: one machine has no runtime for it. */
  status: z.enum(['active', 'deprecated', 'unavailable']),
  statusMessage: text.optional(),
  license: text.optional(),
  author: text.optional(),
  /** Package names that this template succeeds. */
  replaces: z.array(text).default([]),
  /** Slugs of the templates to use instead of this one. */
  replacedBy: z.array(text).default([]),
  /** What a person should know before running it. */
  warning: text.optional(),
  runner: runner.prefault({}),
  behavior: behavior.prefault({}),
  egress: z.strictObject({ allowHosts: z.array(text), denyPrivateRanges: z.boolean() }).optional(),
  /** Alternatives of variables: all of one list must be given. */
  inputs: z.strictObject({ anyOf: z.array(z.array(text).min(1)).min(1) }).optional(),
  tools: z.array(z.strictObject({ name: text, description: text.optional() })).default([]),
});

export type TemplateExtras = z.infer<typeof templateExtrasSchema>;

/** Our part of the document, not yet validated; undefined when it has none. */
export function findExtras(document: ServerJson): unknown {
  return document._meta?.[PUBLISHER_KEY]?.[EXTRAS_KEY];
}
