/** Templates of what is no package: a gateway in a cluster runs them as a source of another kind. */
import type { Template } from './template.ts';
import type { TemplateExtras } from './template-extras.ts';

/** The source that a server of the template has in a cluster; undefined for packages and remote servers. */
export function clusterSourceOf({ extras }: Template): TemplateExtras['runner']['source'] {
  return extras.runner.source;
}

/** The template as a gateway in a cluster shows it: what cannot be run on one machine may be run there. */
export function asInCluster(template: Template): Template {
  if (clusterSourceOf(template) === undefined) return template;
  const { statusMessage: _why, ...extras } = template.extras;
  return { ...template, extras: { ...extras, status: 'active' } };
}
