/** Packages that people still ask for, and what they should use instead; and which templates are asked for the most. */
import { z } from 'zod';
import { BerthError } from '../errors.ts';

const text = z.string().min(1).max(500);

const renameSchema = z.strictObject({
  ecosystem: z.enum(['npm', 'pypi']),
  name: text,
  /** `missing`: a name that lists carry and that no registry has. */
  state: z.enum(['archived', 'deprecated', 'renamed', 'missing']),
  /** Slugs of templates to use instead, best first; none where nothing succeeds it. */
  use: z.array(text),
  note: text.optional(),
});

export const catalogueFileSchema = z.strictObject({
  v: z.literal(1),
  /** Slugs, most asked for first. */
  popular: z.array(text),
  renames: z.array(renameSchema),
});

export type Rename = z.infer<typeof renameSchema>;
export type CatalogueFile = z.infer<typeof catalogueFileSchema>;

export const EMPTY_CATALOGUE_FILE: CatalogueFile = { v: 1, popular: [], renames: [] };

/** Reads `catalogue.json` of a template folder. Throws `bad-setting`. */
export function parseCatalogueFile(json: string): CatalogueFile {
  try {
    return catalogueFileSchema.parse(JSON.parse(json));
  } catch (cause) {
    throw new BerthError('bad-setting', 'catalogue.json of the template folder is invalid', { cause });
  }
}

/** For people: `use X or Y instead`, or that nothing succeeds it. */
export function renameText({ name, state, use, note }: Rename): string {
  const what = state === 'missing' ? 'does not exist' : `is ${state}`;
  const instead = use.length > 0 ? `use ${use.join(' or ')} instead` : 'nothing succeeds it';
  return `${name} ${what}: ${instead}${note === undefined ? '' : ` (${note})`}`;
}
