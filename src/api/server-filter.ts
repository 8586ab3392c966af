/** Which servers of a list, or of what happens to them, are wanted: every condition that is given has to hold. */
import { hasLabels } from '../servers/labels.ts';
import { type ServerView, STATUS_STATES } from '../servers/server-view.ts';
import type { TemplateCatalogue } from '../templates/catalogue.ts';
import { typeOf } from '../templates/template.ts';
import { text, texts, word } from './query.ts';
import type { Call } from './route.ts';

/** Where a server comes from; `deployment`: Berth did not make it. */
export const SERVER_TYPES = ['npm', 'pypi', 'remote', 'image', 'archon', 'script', 'deployment'] as const;
export type ServerType = (typeof SERVER_TYPES)[number];

export const SERVER_FILTER = {
  type: word('Only servers that come from there.', SERVER_TYPES),
  template: text('Only servers of this template.'),
  label: texts('Only servers with this label: `key=value`, or `key` for any value.'),
};

export const STATE_FILTER = { state: word('Only servers in this state.', STATUS_STATES) };

type Filter = Call<typeof SERVER_FILTER & Partial<typeof STATE_FILTER>, undefined>['query'];

export function isWantedServer(
  server: ServerView,
  { state, type, template, label = [] }: Filter,
  templates: Pick<TemplateCatalogue, 'find'>,
): boolean {
  return (
    (state === undefined || server.status.state === state) &&
    (template === undefined || server.spec?.template === template) &&
    (type === undefined || typeOfServer(server, templates) === type) &&
    hasLabels(server.labels, label)
  );
}

/** Undefined for a server of a template that is no longer there. */
function typeOfServer(
  { spec }: ServerView,
  templates: Pick<TemplateCatalogue, 'find'>,
): ServerType | undefined {
  if (!spec) return 'deployment';
  const { source = {} } = spec;
  const given = SERVER_TYPES.find((type) => Object.hasOwn(source, type));
  if (given !== undefined) return given;
  const template = spec.template === undefined ? undefined : templates.find(spec.template);
  const type = template && typeOf(template);
  return type === 'oci' ? 'image' : SERVER_TYPES.find((one) => one === type);
}
