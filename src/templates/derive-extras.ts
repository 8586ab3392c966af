/** Our part of a template for a document that comes from elsewhere and has none: derived, never written into the document. */
import type { ServerJson } from './server-json.ts';
import { SLUG } from './template-extras.ts';

const MAX_SLUG = 52;
/** Category of what nobody has sorted in. */
export const NO_CATEGORY = 'other';

/** The slug is the one given, or made from the name of the server. */
export function deriveExtras(document: ServerJson, slug?: string): Readonly<Record<string, unknown>> {
  return {
    v: 1,
    slug: slug ?? deriveSlug(document.name),
    category: NO_CATEGORY,
    tags: [],
    tier: 'community',
    status: 'active',
  };
}

/** `io.github.acme/weather-mcp-server` gives `weather`; `com.stripe/mcp` gives `stripe`. */
export function deriveSlug(name: string): string {
  const [namespace = '', last = ''] = name.split('/');
  const core = toSlug(
    last.replace(/(^|[-_.])mcp(?=$|[-_.])/gi, '').replace(/(^|[-_.])server(?=$|[-_.])/gi, ''),
  );
  if (SLUG.test(core)) return core;
  const fallback = toSlug(namespace.split('.').at(-1) ?? '');
  return SLUG.test(fallback) ? fallback : 'server';
}

function toSlug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, MAX_SLUG)
    .replace(/^-+|-+$/g, '');
}
