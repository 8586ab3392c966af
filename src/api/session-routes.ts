/** `/api/v1/servers/{name}/sessions` and `/usage`: who is connected to a server, the way to end them, and how much it was used. */
import type { Servers } from '../servers/servers.ts';
import { SERVER_PARAMS } from './path-parameters.ts';
import { count, PAGE, pageOf } from './query.ts';
import { type Api, addRoute } from './route.ts';
import { endedSchema, sessionListSchema, usageSchema } from './schemas/server.ts';
import { AWAY, SERVERS } from './server-routes.ts';

const SESSIONS = `${SERVERS}/{name}/sessions`;
const params = { ...SERVER_PARAMS, id: { description: 'The `id` of the session in the list.' } };
const common = { params, tag: 'sessions', problems: [...AWAY, 'not-allowed', 'request-timeout'] } as const;

export function addSessionRoutes(api: Api, manager: Servers): void {
  addRoute(
    api,
    {
      id: 'listSessions',
      method: 'get',
      path: SESSIONS,
      ...common,
      summary: 'Who is connected to a server, oldest first',
      query: PAGE,
      answers: { 200: { description: 'A page of them, with the total.', schema: sessionListSchema } },
    },
    async ({ context, param, query }) => {
      const sessions = await manager.sessions(param('name'));
      return context.json({ sessions: pageOf(sessions, query), total: sessions.length });
    },
  );

  addRoute(
    api,
    {
      id: 'endSessions',
      method: 'delete',
      path: SESSIONS,
      ...common,
      summary: 'End all sessions of a server',
      answers: { 200: { description: 'How many there were.', schema: endedSchema } },
    },
    async ({ context, param }) => context.json({ ended: await manager.endSessions(param('name')) }),
  );

  addRoute(
    api,
    {
      id: 'endSession',
      method: 'delete',
      path: `${SESSIONS}/{id}`,
      ...common,
      summary: 'End one session of a server',
      answers: { 204: { description: 'It is over.' } },
    },
    async ({ context, param }) => {
      await manager.endSession(param('name'), param('id'));
      return context.body(null, 204);
    },
  );

  addRoute(
    api,
    {
      id: 'readUsage',
      method: 'get',
      path: `${SERVERS}/{name}/usage`,
      ...common,
      summary: 'How much a server was used',
      query: { days: count('Days, today included.', { fallback: 30, max: 3_650 }) },
      answers: { 200: { description: 'By the day, newest first, and in sum.', schema: usageSchema } },
    },
    async ({ context, param, query: { days } }) => context.json(await manager.usage(param('name'), days)),
  );
}
