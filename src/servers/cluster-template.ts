/** A template that stands for another kind of source than a package, as a cluster understands it. */
import { BerthError } from '../errors.ts';
import type { TemplateCatalogue } from '../templates/catalogue.ts';
import { clusterSourceOf } from '../templates/cluster-source.ts';
import type { ServerSpec } from './server-spec.ts';

/** What only packages have. */
const PACKAGE_FIELDS = ['version', 'bin'] as const;

/**
 * The specification with the source of its template in the template's place; every other one as it is. The name of the image is the
 * operator's to give, not the template's. Throws `bad-input` for what only a package can be given.
 */
export function withClusterSource(spec: ServerSpec, templates: Pick<TemplateCatalogue, 'find'>): ServerSpec {
  const { template: slug, ...rest } = spec;
  const template = slug === undefined ? undefined : templates.find(slug);
  const source = template && clusterSourceOf(template);
  if (!template || !source) return spec;
  const fields = PACKAGE_FIELDS.filter((field) => spec[field] !== undefined).map((field) => ({
    pointer: `/${field}`,
    detail: `is nothing that ${template.slug} can be given: it is an image`,
  }));
  const [first] = fields;
  if (first) throw new BerthError('bad-input', `${first.pointer} ${first.detail}`, { fields });
  const { isolation, sessions } = template.extras.behavior;
  return {
    ...rest,
    source: { [source]: {} },
    isolation: spec.isolation ?? isolation,
    sessions: spec.sessions ?? sessions,
  };
}
