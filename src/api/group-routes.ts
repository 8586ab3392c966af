/** `/api/v1/groups`: chosen servers behind one URL. */
import type { Hono } from 'hono';
import { BerthError, errorData } from '../errors.ts';
import type { GroupLists } from '../groups/group-lists.ts';
import { parseGroup } from '../groups/group-spec.ts';
import { type ViewGroupInput, viewGroup } from '../groups/group-view.ts';
import { type Groups, noGroups } from '../groups/groups.ts';
import { queryPage } from './query.ts';
import { type ApiVariables, callerOf, readJson } from './request-checks.ts';

const GROUPS = '/api/v1/groups';

export interface GroupRoutesInput {
  readonly groups: Groups;
  readonly lists: GroupLists;
  readonly stateOf: ViewGroupInput['stateOf'];
  readonly publicUrl: () => string;
}

/** Without input there are no groups here, and each route says so. */
export function addGroupRoutes(api: Hono<ApiVariables>, input: GroupRoutesInput | undefined): void {
  if (!input) {
    for (const path of [GROUPS, `${GROUPS}/:name`, `${GROUPS}/:name/tools`])
      api.all(path, () => {
        throw noGroups();
      });
    return;
  }
  addReading(api, input);
  addChanges(api, input);
}

function addReading(api: Hono<ApiVariables>, input: GroupRoutesInput): void {
  const { groups, lists } = input;
  const view = viewer(input);
  api.get(GROUPS, (context) => {
    const all = groups.list();
    return context.json({ groups: queryPage(context.req).of(all).map(view), total: all.length });
  });

  api.get(`${GROUPS}/:name`, (context) => context.json(view(groups.get(context.req.param('name')))));

  api.get(`${GROUPS}/:name/tools`, async (context) => {
    const group = groups.get(context.req.param('name'));
    const call = { group, caller: callerOf(context), signal: context.req.raw.signal };
    const { entries, silent } = await lists.list('tools', call);
    const down = silent.map(({ server, error }) => ({ server, detail: error.message, ...errorData(error) }));
    return context.json({ tools: entries, total: entries.length, silent: down });
  });
}

function addChanges(api: Hono<ApiVariables>, input: GroupRoutesInput): void {
  const { groups, stateOf } = input;
  const view = viewer(input);
  const read = async (request: Request) => {
    const spec = parseGroup(await readJson(request));
    const at = spec.servers.findIndex(({ server }) => stateOf(server) === undefined);
    const missing = spec.servers[at];
    if (!missing) return spec;
    throw new BerthError('bad-input', `there is no server ${missing.server}`, {
      fields: [{ pointer: `/servers/${at}`, detail: 'is no server of this gateway' }],
      hint: 'List what exists with: berth ls.',
    });
  };

  api.post(GROUPS, async (context) => {
    const group = groups.create(await read(context.req.raw));
    return context.json(view(group), 201, { Location: `${GROUPS}/${group.spec.name}` });
  });

  api.put(`${GROUPS}/:name`, async (context) => {
    const spec = await read(context.req.raw);
    if (spec.name !== context.req.param('name'))
      throw new BerthError('bad-input', `the group is called ${spec.name}`, {
        fields: [{ pointer: '/name', detail: 'must be the one of the path' }],
      });
    const { group, created } = groups.put(spec);
    return context.json(view(group), created ? 201 : 200);
  });

  api.delete(`${GROUPS}/:name`, (context) => {
    groups.remove(context.req.param('name'));
    return context.body(null, 204);
  });
}

function viewer({ stateOf, publicUrl }: GroupRoutesInput) {
  return (group: Parameters<typeof viewGroup>[0]) => viewGroup(group, { stateOf, publicUrl: publicUrl() });
}
