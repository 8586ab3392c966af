/** Templates that people add: checked as what comes with Berth is, kept with their history, and taken back. */
import { BerthError } from '../errors.ts';
import type { TemplateCatalogue } from './catalogue.ts';
import { readDocument, type Template } from './template.ts';

export interface StoredTemplate {
  readonly slug: string;
  /** Counts up from 1, across removals. */
  readonly revision: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly document: unknown;
  readonly readme: string;
}

export interface TemplateRevision {
  readonly revision: number;
  readonly at: number;
  readonly change: 'registered' | 'replaced' | 'removed';
  /** Absent when it was removed. */
  readonly document?: unknown;
  readonly readme?: string;
}

/** Where custom templates are kept. Every change is one transaction. */
export interface TemplateStore {
  list(): StoredTemplate[];
  save(
    template: Pick<Template, 'slug' | 'document' | 'readme'>,
    change: 'registered' | 'replaced',
  ): StoredTemplate;
  remove(slug: string): void;
  /** Newest first. */
  history(slug: string): TemplateRevision[];
}

export interface CustomTemplatesOptions {
  readonly catalogue: TemplateCatalogue;
  /** Absent where templates cannot be added. */
  readonly store?: TemplateStore;
  /** Throws when a server of this template could not be had here, for example because of a gate. */
  readonly permit: (template: Template) => void;
  /** Told of what is stored and can no longer be read. */
  readonly onFault?: (slug: string, error: BerthError) => void;
}

/** Bytes of one document and page, as JSON. */
const MAX_BYTES = 256 * 1024;
const MAX_CUSTOM = 5_000;

export class CustomTemplates {
  readonly #options: CustomTemplatesOptions;

  constructor(options: CustomTemplatesOptions) {
    this.#options = options;
    for (const stored of options.store?.list() ?? []) this.#restore(stored);
  }

  /** Checks a template as {@link register} does and keeps nothing. Throws what that would throw. */
  check(template: Template): void {
    if (Buffer.byteLength(JSON.stringify([template.document, template.readme])) > MAX_BYTES) {
      throw new BerthError('too-large', `template ${template.slug} has more than ${MAX_BYTES} bytes`, {
        hint: 'Shorten its page or its descriptions.',
      });
    }
    this.#options.permit(template);
  }

  /** Throws `conflict` when the slug is taken, `limit-reached`, `too-large`, `not-allowed` or `bad-input`. */
  register(template: Template): Template {
    const { catalogue } = this.#options;
    if (catalogue.find(template.slug)) {
      throw new BerthError('conflict', `there is a template ${template.slug} already`, {
        hint: `Give it another slug, or replace one of your own with: berth catalog import --replace.`,
      });
    }
    if (catalogue.list({ origin: 'custom' }).length >= MAX_CUSTOM)
      throw new BerthError('limit-reached', `there are ${MAX_CUSTOM} templates of your own already`);
    return this.#save(template, 'registered');
  }

  /** Takes the place of a custom template. Throws `not-found`, and `conflict` for one that comes with Berth. */
  replace(template: Template): Template {
    this.#custom(template.slug);
    return this.#save(template, 'replaced');
  }

  /** Throws `not-found`, and `conflict` for one that comes with Berth. Servers that were made of it go on. */
  unregister(slug: string): void {
    const store = this.#store();
    this.#custom(slug);
    store.remove(slug);
    this.#options.catalogue.remove(slug);
  }

  /** Newest first; also of a template that was removed. Throws `not-found` when there never was one. */
  history(slug: string): TemplateRevision[] {
    const revisions = this.#options.store?.history(slug) ?? [];
    if (revisions.length === 0) this.#custom(slug);
    return revisions;
  }

  #custom(slug: string): Template {
    const template = this.#options.catalogue.get(slug);
    if (template.custom) return template;
    throw new BerthError('conflict', `the template ${slug} comes with Berth`, {
      hint: 'Make one of your own from it: POST /api/v1/templates/{slug}/merge.',
    });
  }

  #save(template: Template, change: 'registered' | 'replaced'): Template {
    const store = this.#store();
    this.check(template);
    const { revision, at } = store.save(template, change);
    const kept = { ...template, custom: { revision, updatedAt: new Date(at).toISOString() } };
    this.#options.catalogue.put(kept);
    return kept;
  }

  #restore({ slug, document, readme, revision, at }: StoredTemplate): void {
    try {
      const template = readDocument(document, readme, slug);
      // A newer Berth may have a template of this name: its own goes first.
      if (this.#options.catalogue.find(slug))
        throw new BerthError('conflict', `Berth has a template ${slug} itself`);
      this.#options.catalogue.put({
        ...template,
        custom: { revision, updatedAt: new Date(at).toISOString() },
      });
    } catch (error) {
      this.#options.onFault?.(
        slug,
        error instanceof BerthError ? error : new BerthError('internal', String(error)),
      );
    }
  }

  #store(): TemplateStore {
    if (this.#options.store) return this.#options.store;
    throw new BerthError('not-allowed', 'templates cannot be added here', {
      hint: 'A gateway in a cluster keeps none: give the server a source instead of a template.',
    });
  }
}
