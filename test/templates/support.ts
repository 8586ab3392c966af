/** Templates for tests: those that come with Berth, and made-up ones. */
import { loadCatalogue } from '../../src/templates/catalogue.ts';
import { readTemplate } from '../../src/templates/portable.ts';
import type { Template } from '../../src/templates/template.ts';

export const FOLDER = new URL('../../registry-templates/', import.meta.url).pathname;

export const builtIn = () => loadCatalogue(FOLDER);

/** A template of an npm package that nobody has. */
export function madeUp(slug: string, more: Record<string, unknown> = {}): Template {
  return readTemplate({ slug, source: { npm: { name: `made-up-${slug}`, version: '1.2.3' } }, ...more });
}
