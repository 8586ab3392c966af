/** `/api/v1/servers/{name}/sessions` and `/usage`: who is connected to a server, the way to end them, and how much it was used. */
import type { Hono } from 'hono';
import type { Servers } from '../servers/servers.ts';
import { queryNumber, queryPage } from './query.ts';
import type { ApiVariables } from './request-checks.ts';

const SESSIONS = '/api/v1/servers/:name/sessions';
const USAGE = '/api/v1/servers/:name/usage';

export function addSessionRoutes(api: Hono<ApiVariables>, manager: Servers): void {
  api.get(SESSIONS, async (context) => {
    const page = queryPage(context.req);
    const sessions = await manager.sessions(context.req.param('name'));
    return context.json({ sessions: page.of(sessions), total: sessions.length });
  });

  api.delete(SESSIONS, async (context) => {
    return context.json({ ended: await manager.endSessions(context.req.param('name')) });
  });

  api.delete(`${SESSIONS}/:id`, async (context) => {
    await manager.endSession(context.req.param('name'), context.req.param('id'));
    return context.body(null, 204);
  });

  api.get(USAGE, async (context) => {
    const days = queryNumber(context.req, 'days', { fallback: 30, max: 3_650 });
    return context.json(await manager.usage(context.req.param('name'), days));
  });
}
