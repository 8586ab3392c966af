/** Gateways by name, in a file of the person: `berth context use prod` instead of an address with every command. */
import { join } from 'node:path';
import { parseDocument, stringify } from 'yaml';
import { z } from 'zod';
import { BerthError } from '../errors.ts';
import type { CliSystem } from './cli-system.ts';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

const gatewaySchema = z.strictObject({
  url: z.string().refine(isGatewayUrl, 'must be an http or https URL'),
  /** Path; the key itself stands in no file of ours. */
  keyFile: z.string().optional(),
});
const fileSchema = z.strictObject({
  current: z.string().optional(),
  contexts: z.record(z.string().regex(NAME), gatewaySchema).default({}),
});

export type NamedGateway = z.output<typeof gatewaySchema>;
export type ContextFile = z.output<typeof fileSchema>;

export function isGatewayUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && (url.protocol === 'http:' || url.protocol === 'https:');
}

export function contextPath({ places }: Pick<CliSystem, 'places'>): string {
  return join(places.config, 'berth', 'contexts.yaml');
}

/** Throws `bad-input` for a file that is none. */
export async function readContexts(system: CliSystem): Promise<ContextFile> {
  const path = contextPath(system);
  const text = await system.readIfThere(path);
  if (text === undefined) return { contexts: {} };
  const document = parseDocument(text);
  const parsed = document.errors.length > 0 ? undefined : fileSchema.safeParse(document.toJS() ?? {});
  if (parsed?.success) return parsed.data;
  throw new BerthError('bad-input', `${path} holds no contexts`, { hint: 'Correct it, or remove it.' });
}

export async function writeContexts(file: ContextFile, system: CliSystem): Promise<void> {
  await system.replaceFile(contextPath(system), stringify(file), { secret: true });
}

/** Throws `not-found`. */
export function contextOf({ contexts }: ContextFile, name: string): NamedGateway {
  const found = Object.hasOwn(contexts, name) ? contexts[name] : undefined;
  if (found) return found;
  throw new BerthError('not-found', `there is no context ${JSON.stringify(name)}`, {
    hint: 'List them with: berth context ls.',
  });
}

export function checkContextName(name: string): void {
  if (NAME.test(name)) return;
  throw new BerthError('bad-input', 'a context has 1 to 64 letters, digits, dots, dashes or underscores');
}
