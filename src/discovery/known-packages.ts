/** Which packages the catalogue runs, and which it has left behind. */
import type { Ecosystem } from '../packages/package.ts';
import { normalisePypiName } from '../packages/package-source.ts';
import type { TemplateCatalogue } from '../templates/catalogue.ts';

export interface KnownPackage {
  readonly ecosystem: Ecosystem;
  readonly name: string;
  /** Slug of the template that runs it. */
  readonly template: string;
}

export class KnownPackages {
  readonly all: readonly KnownPackage[];
  readonly #byPackage = new Map<string, KnownPackage>();
  readonly #successors = new Map<string, string>();

  constructor(templates: TemplateCatalogue) {
    const list = templates.list();
    this.all = list.flatMap(({ slug, document }) =>
      (document.packages ?? []).flatMap(({ registryType, identifier }): KnownPackage[] =>
        registryType === 'npm' || registryType === 'pypi'
          ? [{ ecosystem: registryType, name: identifier, template: slug }]
          : [],
      ),
    );
    for (const one of this.all) this.#byPackage.set(packageKey(one.ecosystem, one.name), one);
    for (const { slug, extras } of list) for (const name of extras.replaces) this.#successors.set(name, slug);
    for (const { ecosystem, name, use } of templates.renames)
      if (use[0] !== undefined) this.#successors.set(packageKey(ecosystem, name), use[0]);
  }

  /** The template that runs it. */
  templateOf(ecosystem: Ecosystem, name: string): string | undefined {
    return this.#byPackage.get(packageKey(ecosystem, name))?.template;
  }

  /** The template that took its place. */
  successorOf(ecosystem: Ecosystem, name: string): string | undefined {
    if (this.templateOf(ecosystem, name) !== undefined) return undefined;
    return this.#successors.get(packageKey(ecosystem, name)) ?? this.#successors.get(name);
  }
}

/** Two spellings of one Python project have one key. */
export function packageKey(ecosystem: Ecosystem, name: string): string {
  return `${ecosystem}:${ecosystem === 'pypi' ? normalisePypiName(name) : name}`;
}
