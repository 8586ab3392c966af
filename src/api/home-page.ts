/** `GET /`: what a person sees who opens the printed URL, in plain text. */
import type { Hono } from 'hono';
import type { Servers } from '../servers/servers.ts';
import type { ApiVariables } from './request-checks.ts';

/** Adds the page to the app. */
export function addHomePage(app: Hono<ApiVariables>, manager: Servers): void {
  app.get('/', async (context) => {
    const servers = (await manager.list()).map(({ name, status }) => {
      const [first] = status.endpoints;
      return `  ${name.padEnd(24)} ${status.state.padEnd(10)} ${first?.url ?? ''}`;
    });
    const lines = [
      'Berth is running.',
      '',
      servers.length > 0 ? 'Servers:' : 'No servers yet. In another terminal:',
      ...(servers.length > 0 ? servers : ['  npm run berth -- run everything']),
      '',
      'API: /api/v1/servers, /api/v1/templates. For agents: /mcp',
      '',
    ];
    return context.text(lines.join('\n'));
  });
}
