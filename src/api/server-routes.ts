/** `/api/v1/servers`: thin over the manager. */
import type { Context } from 'hono';
import type { ServerEvents } from '../servers/server-events.ts';
import { nameServer, serverSpecSchema } from '../servers/server-spec.ts';
import type { ServerView } from '../servers/server-view.ts';
import type { Condition, Servers, ServerVersion, WaitOptions } from '../servers/servers.ts';
import { within } from '../servers/within.ts';
import type { TemplateCatalogue } from '../templates/catalogue.ts';
import { ETAG, IF_MATCH, IF_NONE_MATCH, matcherOf, taggedAnswer } from './entity-tags.ts';
import { SERVER_PARAMS as params } from './path-parameters.ts';
import { CURSOR, FORCE, PAGE, pageByName, pageOf, WAIT } from './query.ts';
import { scaleSchema } from './replicas.ts';
import { type ApiVariables, signalOf } from './request-checks.ts';
import { type Api, addRoute, bodyOf } from './route.ts';
import {
  checkListSchema,
  serverHealthSchema,
  serverListSchema,
  serverSchema,
  specSchema,
} from './schemas/server.ts';
import { isWantedServer, SERVER_FILTER, STATE_FILTER } from './server-filter.ts';

export const SERVERS = '/api/v1/servers';
const SERVER = `${SERVERS}/{name}`;
const tag = 'servers';
/** Characters of a server's id that tell it from an earlier one of its name. */
const ID_LENGTH = 8;

/** What may keep the place where servers are from being asked. */
export const AWAY = ['busy', 'unreachable', 'conflict', 'cluster-refused'] as const;
/** How a start may fail that somebody waits for. */
export const START_FAILURES = [
  ...AWAY,
  'not-allowed',
  'missing-input',
  'limit-reached',
  'resolve-failed',
  'install-failed',
  'start-failed',
  'process-exited',
  'remote-failed',
  'request-timeout',
  'stopped',
] as const;

const ANSWER = { description: 'The server.', schema: serverSchema, headers: ETAG };
const UNDER_WAY = { ...ANSWER, description: 'The server; what was asked for is still under way.' };
/** Changes of a server that is there. */
const CHANGE = { params, tag, headers: IF_MATCH } as const;
const CHANGE_FAILURES = [...AWAY, 'precondition-failed'] as const;

export interface ServerRoutesInput {
  readonly manager: Servers;
  readonly templates: Pick<TemplateCatalogue, 'find'>;
  readonly events: Pick<ServerEvents, 'position'>;
}

export function addServerRoutes(api: Api, input: ServerRoutesInput): void {
  const { manager } = input;
  addCreation(api, manager);
  addList(api, input);
  addOne(api, manager);
  addVerbs(api, manager);
}

function addCreation(api: Api, manager: Servers): void {
  const headers = { ...ETAG, Location: 'Where the server is.' };
  addRoute(
    api,
    {
      id: 'createServer',
      method: 'post',
      path: SERVERS,
      tag,
      summary: 'Create a server and start it; the same again starts the one that is there',
      query: WAIT,
      body: { schema: specSchema, read: bodyOf(serverSpecSchema).read },
      answers: {
        200: { ...ANSWER, description: 'It was there already.', headers },
        201: { ...ANSWER, description: 'It was created.', headers },
        202: { ...UNDER_WAY, headers },
      },
      problems: [...START_FAILURES, 'not-found'],
    },
    async ({ context, query, body }) => {
      const spec = nameServer(body);
      const { server, created } = await waited(
        { context, query, name: spec.name },
        ({ onlyIf: _none, ...options }) => manager.run(spec, options),
      );
      const pending = server.status.replicas.ready === 0;
      return answerWith(context, server, {
        status: pending ? 202 : created ? 201 : 200,
        headers: { Location: `${SERVERS}/${server.name}` },
      });
    },
  );
}

function addList(api: Api, { manager, templates, events }: ServerRoutesInput): void {
  addRoute(
    api,
    {
      id: 'listServers',
      method: 'get',
      path: SERVERS,
      tag,
      summary: 'List servers, by name',
      query: { ...STATE_FILTER, ...SERVER_FILTER, ...PAGE, ...CURSOR },
      answers: { 200: { description: 'A page of them, with the total.', schema: serverListSchema } },
      problems: AWAY,
    },
    async ({ context, query }) => {
      // Before the list is read: what happens meanwhile is told to who watches from here.
      const { position } = events;
      const found = (await manager.list()).filter((server) => isWantedServer(server, query, templates));
      const { page, next } = pageByName(found, query);
      return context.json({ servers: page, total: found.length, ...(next && { next }), position });
    },
  );
}

function addOne(api: Api, manager: Servers): void {
  addRoute(
    api,
    {
      id: 'getServer',
      method: 'get',
      path: SERVER,
      params,
      tag,
      summary: 'One server: specification and status',
      headers: IF_NONE_MATCH,
      answers: { 200: ANSWER, 304: { description: 'Nothing has changed.', headers: ETAG } },
      problems: AWAY,
    },
    async ({ context, param }) => answerWith(context, await manager.get(param('name'))),
  );

  addRoute(
    api,
    {
      id: 'deleteServer',
      method: 'delete',
      path: SERVER,
      ...CHANGE,
      summary: 'Stop a server and forget it',
      query: FORCE,
      answers: { 204: { description: 'It is gone.' } },
      problems: [...CHANGE_FAILURES, 'not-allowed'],
    },
    async ({ context, param, query }) => {
      await manager.remove(param('name'), { ...query, ...conditionOf(context) });
      return context.body(null, 204);
    },
  );

  addRoute(
    api,
    {
      id: 'checkServer',
      method: 'get',
      path: `${SERVER}/health`,
      params,
      tag,
      summary: 'Check whether a server answers, and say how it came out',
      answers: { 200: { description: 'How it is.', schema: serverHealthSchema } },
      problems: AWAY,
    },
    async ({ context, param }) => context.json(await manager.checkHealth(param('name'))),
  );

  addRoute(
    api,
    {
      id: 'listChecks',
      method: 'get',
      path: `${SERVER}/checks`,
      params,
      tag,
      summary: 'How the health checks of a server came out, newest first',
      description: 'The newest 200, over restarts of the gateway; in a cluster the newest one.',
      query: PAGE,
      answers: { 200: { description: 'A page of them, with the total.', schema: checkListSchema } },
      problems: AWAY,
    },
    async ({ context, param, query }) => {
      const checks = await manager.checks(param('name'));
      return context.json({ checks: pageOf(checks, query), total: checks.length });
    },
  );
}

function addVerbs(api: Api, manager: Servers): void {
  const answers = { 200: ANSWER, 202: UNDER_WAY };
  const problems = [...START_FAILURES, 'precondition-failed'] as const;
  addRoute(
    api,
    {
      id: 'startServer',
      method: 'post',
      path: `${SERVER}/start`,
      ...CHANGE,
      summary: 'Start a server that is stopped',
      query: WAIT,
      answers,
      problems,
    },
    async ({ context, param, query }) => {
      const name = param('name');
      const server = await waited({ context, query, name }, (options) => manager.start(name, options));
      return answerWith(context, server, { status: server.status.replicas.ready > 0 ? 200 : 202 });
    },
  );

  addRoute(
    api,
    {
      id: 'stopServer',
      method: 'post',
      path: `${SERVER}/stop`,
      ...CHANGE,
      summary: 'End the sessions and processes of a server; it stays in the list',
      query: FORCE,
      answers: { 200: ANSWER },
      problems: CHANGE_FAILURES,
    },
    async ({ context, param, query }) =>
      answerWith(context, await manager.stop(param('name'), { ...query, ...conditionOf(context) })),
  );

  addRoute(
    api,
    {
      id: 'restartServer',
      method: 'post',
      path: `${SERVER}/restart`,
      ...CHANGE,
      summary: 'Make the processes of a server anew',
      query: WAIT,
      answers,
      problems,
    },
    async ({ context, param, query }) => {
      const name = param('name');
      const server = await waited({ context, query, name }, (options) => manager.restart(name, options));
      return answerWith(context, server, { status: server.status.replicas.ready > 0 ? 200 : 202 });
    },
  );

  addRoute(
    api,
    {
      id: 'scaleServer',
      method: 'post',
      path: `${SERVER}/scale`,
      ...CHANGE,
      summary: 'Set the number of replicas',
      query: WAIT,
      body: bodyOf(scaleSchema),
      answers,
      problems,
    },
    async ({ context, param, query, body: { replicas } }) => {
      const name = param('name');
      const server = await waited({ context, query, name }, (options) =>
        manager.scale(name, replicas, options),
      );
      return answerWith(context, server, { status: server.status.replicas.ready >= replicas ? 200 : 202 });
    },
  );
}

interface Waiting {
  readonly context: Context<ApiVariables>;
  readonly query: { readonly wait?: 'ready' | undefined; readonly timeout: number };
  readonly name: string;
}

/** Begins something with what the caller says of waiting for it. */
async function waited<T>(
  { context, query, name }: Waiting,
  begin: (options: WaitOptions) => Promise<T>,
): Promise<T> {
  const wait = query.wait === 'ready';
  const options = { wait, ...conditionOf(context) };
  const signal = signalOf(context);
  if (!wait || query.timeout === 0) return await begin({ ...options, signal });
  const limit = { seconds: query.timeout, name, ask: `GET ${SERVERS}/${name} tells how it fares`, signal };
  return await within(limit, (stop) => begin({ ...options, signal: stop }));
}

/** From `If-Match`. */
function conditionOf(context: Context<ApiVariables>): Condition {
  const matches = matcherOf(context);
  return matches ? { onlyIf: (version) => matches(versionOf(version)) } : {};
}

/** What an entity tag says of the server itself. */
function versionOf({ id, revision }: ServerVersion): string {
  return `${id.slice(0, ID_LENGTH)}.${revision}`;
}

function answerWith(
  context: Context<ApiVariables>,
  server: ServerView,
  options: { readonly status?: 200 | 201 | 202; readonly headers?: Record<string, string> } = {},
): Response {
  return taggedAnswer(context, server, { ...options, version: versionOf(server) });
}
