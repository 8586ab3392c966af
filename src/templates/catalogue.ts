/** The catalogue: all templates of one folder, read once at start. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BerthError, toBerthError } from '../errors.ts';
import type { Template } from './template.ts';
import { parseTemplate } from './template.ts';

const MAX_TEMPLATES = 2_000;
/** Bytes of one server.json or README.md. */
const MAX_FILE_BYTES = 256 * 1024;

export interface TemplateProblem {
  /** Folder of the bad template. */
  readonly slug: string;
  readonly error: BerthError;
}

export class TemplateCatalogue {
  /** Templates that could not be read; the others are served all the same. */
  readonly problems: readonly TemplateProblem[];
  readonly #bySlug: ReadonlyMap<string, Template>;

  constructor(templates: readonly Template[], problems: readonly TemplateProblem[] = []) {
    this.problems = problems;
    this.#bySlug = new Map(templates.map((template) => [template.slug, template]));
  }

  /** All templates, by slug. */
  list(): Template[] {
    return [...this.#bySlug.values()].sort((a, b) => (a.slug < b.slug ? -1 : 1));
  }

  find(slug: string): Template | undefined {
    return this.#bySlug.get(slug);
  }

  /** Like {@link find}; throws `not-found` that names the templates with a similar name. */
  get(slug: string): Template {
    const template = this.#bySlug.get(slug);
    if (template) return template;
    const similar = [...this.#bySlug.keys()]
      .filter((other) => other.includes(slug) || slug.includes(other))
      .sort();
    throw new BerthError('not-found', `there is no template ${JSON.stringify(slug)}`, {
      hint: `${similar.length > 0 ? `Did you mean ${similar.join(' or ')}? ` : ''}All templates: berth templates. A package is npm:${slug} or pypi:${slug}.`,
    });
  }

  /** The template that runs a package, or that succeeds it. */
  findByPackage(name: string): Template | undefined {
    const templates = this.list();
    const runs = (template: Template) =>
      template.document.packages?.some(({ identifier }) => identifier === name) ?? false;
    return templates.find(runs) ?? templates.find((template) => template.extras.replaces.includes(name));
  }
}

/** Reads `<folder>/<slug>/server.json` and `README.md`. Throws `bad-setting` when the folder itself cannot be used. */
export async function loadCatalogue(folder: string): Promise<TemplateCatalogue> {
  const slugs = await listFolders(folder);
  const templates: Template[] = [];
  const problems: TemplateProblem[] = [];
  for (const slug of slugs) {
    try {
      templates.push(await loadTemplate(folder, slug));
    } catch (error) {
      problems.push({ slug, error: toBerthError(error) });
    }
  }
  return new TemplateCatalogue(templates, problems);
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
  return parseTemplate(slug, text, (await readText(folder, slug, 'README.md')) ?? '');
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
