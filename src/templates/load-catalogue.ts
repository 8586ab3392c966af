/** Reads a folder of templates: `<slug>/server.json`, `README.md` and `check.json`, beside them `catalogue.json`. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BerthError, toBerthError } from '../errors.ts';
import { TemplateCatalogue, type TemplateProblem } from './catalogue.ts';
import { asInCluster } from './cluster-source.ts';
import { EMPTY_CATALOGUE_FILE, parseCatalogueFile } from './renames.ts';
import type { Template } from './template.ts';
import { parseTemplate } from './template.ts';
import { type TemplateCheck, templateCheckSchema } from './template-check.ts';

const MAX_TEMPLATES = 2_000;
/** Bytes of one file. */
const MAX_FILE_BYTES = 256 * 1024;

/** As a gateway on one machine shows it, unless it is for a cluster. Throws `bad-setting` when the folder itself cannot be used. */
export async function loadCatalogue(
  folder: string,
  { cluster }: { readonly cluster: boolean } = { cluster: false },
): Promise<TemplateCatalogue> {
  const slugs = await listFolders(folder);
  const templates: Template[] = [];
  const problems: TemplateProblem[] = [];
  for (const slug of slugs) {
    try {
      const template = await loadTemplate(folder, slug);
      templates.push(cluster ? asInCluster(template) : template);
    } catch (error) {
      problems.push({ slug, error: toBerthError(error) });
    }
  }
  const file = await readText(folder, '.', 'catalogue.json');
  return new TemplateCatalogue(
    templates,
    problems,
    file === undefined ? EMPTY_CATALOGUE_FILE : parseCatalogueFile(file),
  );
}

async function listFolders(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    throw new BerthError('bad-setting', `the template folder ${folder} cannot be read`, { cause });
  });
  const slugs = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  if (slugs.length > MAX_TEMPLATES) {
    throw new BerthError(
      'bad-setting',
      `the template folder ${folder} holds ${slugs.length} templates; ${MAX_TEMPLATES} is the limit`,
    );
  }
  return slugs.sort();
}

async function loadTemplate(folder: string, slug: string): Promise<Template> {
  const text = await readText(folder, slug, 'server.json');
  if (text === undefined) throw new BerthError('bad-setting', `template ${slug} has no server.json`);
  const template = parseTemplate(slug, text, (await readText(folder, slug, 'README.md')) ?? '');
  const check = await readText(folder, slug, 'check.json');
  return check === undefined ? template : { ...template, check: parseCheck(slug, check) };
}

function parseCheck(slug: string, text: string): TemplateCheck {
  try {
    return templateCheckSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new BerthError('bad-setting', `template ${slug}/check.json is invalid`, {
      cause,
      hint: `Make it anew with: npm run catalogue:check -- ${slug}.`,
    });
  }
}

async function readText(folder: string, slug: string, file: string): Promise<string | undefined> {
  const path = join(folder, slug, file);
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) return undefined;
  if (found.size > MAX_FILE_BYTES) {
    throw new BerthError(
      'bad-setting',
      `template ${slug}/${file} has ${found.size} bytes; ${MAX_FILE_BYTES} is the limit`,
    );
  }
  return await readFile(path, 'utf8');
}
