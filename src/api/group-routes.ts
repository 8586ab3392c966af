/** `/api/v1/groups`: chosen servers behind one URL. */
import { BerthError, errorData } from '../errors.ts';
import type { GroupLists } from '../groups/group-lists.ts';
import { type GroupSpec, parseGroup } from '../groups/group-spec.ts';
import { type ViewGroupInput, viewGroup } from '../groups/group-view.ts';
import type { GroupDirectory } from '../groups/groups.ts';
import { PAGE, pageOf } from './query.ts';
import { callerOf, signalOf } from './request-checks.ts';
import { type Api, addRoute, type Body } from './route.ts';
import { groupListSchema, groupSpecSchema, groupToolsSchema, groupViewSchema } from './schemas/groups.ts';

const GROUPS = '/api/v1/groups';
const GROUP = `${GROUPS}/{name}`;
const params = { name: { description: 'Name of the group.' } };
const tag = 'groups';
const problems = ['not-allowed', 'conflict', 'limit-reached', 'request-timeout', 'stopped', 'busy'] as const;
const ANSWER = { description: 'The group.', schema: groupViewSchema };

export interface GroupRoutesInput {
  readonly groups: GroupDirectory;
  readonly lists: GroupLists;
  readonly stateOf: ViewGroupInput['stateOf'];
  readonly publicUrl: () => string;
}

/** Throws where there are no groups. */
type Given = () => GroupRoutesInput;

/** Without input there are no groups here, and each route says so. */
export function addGroupRoutes(api: Api, input: GroupRoutesInput | undefined): void {
  const given: Given = () => {
    if (input) return input;
    throw new BerthError('not-allowed', 'this gateway has no groups');
  };
  addList(api, given);
  addOne(api, given);
  addChanges(api, given);
}

function addList(api: Api, given: Given): void {
  addRoute(
    api,
    {
      id: 'listGroups',
      method: 'get',
      path: GROUPS,
      tag,
      problems,
      summary: 'List groups of servers',
      query: PAGE,
      answers: { 200: { description: 'A page of them, with the total.', schema: groupListSchema } },
    },
    ({ context, query }) => {
      const input = given();
      const all = input.groups.list();
      return context.json({ groups: pageOf(all, query).map(viewer(input)), total: all.length });
    },
  );
}

function addOne(api: Api, given: Given): void {
  addRoute(
    api,
    {
      id: 'getGroup',
      method: 'get',
      path: GROUP,
      params,
      tag,
      problems,
      summary: 'One group',
      answers: { 200: ANSWER },
    },
    ({ context, param }) => {
      const input = given();
      return context.json(viewer(input)(input.groups.get(param('name'))));
    },
  );

  addRoute(
    api,
    {
      id: 'listGroupTools',
      method: 'get',
      path: `${GROUP}/tools`,
      params,
      tag,
      problems,
      summary: 'The tools of a group, by the names that its clients see',
      answers: {
        200: { description: 'All of them, and which servers are silent.', schema: groupToolsSchema },
      },
    },
    async ({ context, param }) => {
      const { groups, lists } = given();
      const group = groups.get(param('name'));
      const call = { group, caller: callerOf(context), signal: signalOf(context) };
      const { entries, silent } = await lists.list('tools', call);
      const down = silent.map(({ server, error }) => ({
        server,
        detail: error.message,
        ...errorData(error),
      }));
      return context.json({ tools: entries, total: entries.length, silent: down });
    },
  );
}

function addChanges(api: Api, given: Given): void {
  const body: Body<GroupSpec> = {
    schema: groupSpecSchema,
    read: (value) => checkServers(parseGroup(value), given()),
  };
  const created = { ...ANSWER, headers: { Location: 'Where the group is.' } };
  addRoute(
    api,
    {
      id: 'createGroup',
      method: 'post',
      path: GROUPS,
      tag,
      problems,
      summary: 'Make a group of servers',
      body,
      answers: { 201: created },
    },
    async ({ context, body: spec }) => {
      const input = given();
      const group = await input.groups.create(spec);
      return context.json(viewer(input)(group), 201, { Location: `${GROUPS}/${group.spec.name}` });
    },
  );

  addRoute(
    api,
    {
      id: 'replaceGroup',
      method: 'put',
      path: GROUP,
      params,
      tag,
      problems,
      summary: 'Make a group, or take the place of the one that is there',
      body,
      answers: { 200: ANSWER, 201: { ...ANSWER, description: 'It was made.' } },
    },
    async ({ context, param, body: spec }) => {
      const input = given();
      if (spec.name !== param('name'))
        throw new BerthError('bad-input', `the group is called ${spec.name}`, {
          fields: [{ pointer: '/name', detail: 'must be the one of the path' }],
        });
      const { group, created: isNew } = await input.groups.put(spec);
      return context.json(viewer(input)(group), isNew ? 201 : 200);
    },
  );

  addRoute(
    api,
    {
      id: 'deleteGroup',
      method: 'delete',
      path: GROUP,
      params,
      tag,
      problems,
      summary: 'Remove a group; its servers go on',
      answers: { 204: { description: 'It is gone.' } },
    },
    async ({ context, param }) => {
      await given().groups.remove(param('name'));
      return context.body(null, 204);
    },
  );
}

/** Throws `bad-input` for a server that is not there. */
function checkServers(spec: GroupSpec, { stateOf }: GroupRoutesInput): GroupSpec {
  const at = spec.servers.findIndex(({ server }) => stateOf(server) === undefined);
  const missing = spec.servers[at];
  if (!missing) return spec;
  throw new BerthError('bad-input', `there is no server ${missing.server}`, {
    fields: [{ pointer: `/servers/${at}`, detail: 'is no server of this gateway' }],
    hint: 'List what exists with: berth ls.',
  });
}

function viewer({ stateOf, publicUrl }: GroupRoutesInput) {
  return (group: Parameters<typeof viewGroup>[0]) => viewGroup(group, { stateOf, publicUrl: publicUrl() });
}
