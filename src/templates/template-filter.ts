/** Which templates of a list are wanted: every condition that is given has to hold. */
import { type Template, typeOf } from './template.ts';
import { verificationOf } from './template-check.ts';
import { toolsOf } from './template-tools.ts';

export interface TemplateFilter {
  readonly category?: string;
  /** `npm`, `pypi`, `remote`, `oci` and other registries. */
  readonly type?: string;
  /** Any of them. */
  readonly tags?: readonly string[];
  readonly tier?: string;
  readonly status?: string;
  /** A tool by its name, or by a word of it. */
  readonly capability?: string;
  /** Name of a package that it runs. */
  readonly package?: string;
  readonly verified?: boolean;
  readonly origin?: 'built-in' | 'custom';
}

export function isWanted(template: Template, filter: TemplateFilter): boolean {
  const { extras } = template;
  return (
    isSame(filter.category, extras.category) &&
    (filter.type === undefined || isSame(filter.type, typeOf(template))) &&
    (filter.tags === undefined ||
      extras.tags.some((tag) => filter.tags?.some((wanted) => isSame(wanted, tag)))) &&
    isSame(filter.tier, extras.tier) &&
    isSame(filter.status, extras.status) &&
    (filter.capability === undefined || hasCapability(template, filter.capability)) &&
    (filter.package === undefined ||
      (template.document.packages ?? []).some(({ identifier }) => identifier === filter.package)) &&
    (filter.verified === undefined || verificationOf(template).verified === filter.verified) &&
    (filter.origin === undefined || (template.custom === undefined) === (filter.origin === 'built-in'))
  );
}

/** True when one of its tools has this name, or has it as a whole word of its name. */
export function hasCapability(template: Template, name: string): boolean {
  const wanted = name.toLowerCase();
  return toolsOf(template).some((tool) => {
    const own = tool.name.toLowerCase();
    return own === wanted || own.split(/[^a-z0-9]+/).includes(wanted);
  });
}

function isSame(wanted: string | undefined, own: string): boolean {
  return wanted === undefined || wanted.toLowerCase() === own.toLowerCase();
}
