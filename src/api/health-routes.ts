/** `/api/v1/health`: how this installation is, part by part; for those who may call the API. */
import type { Component } from '../servers/component.ts';
import { STATUS_STATES } from '../servers/server-view.ts';
import type { Servers } from '../servers/servers.ts';
import { type Api, addRoute } from './route.ts';
import { installationSchema } from './schemas/installation.ts';

export interface Installation {
  readonly version: string;
  readonly runtime: 'local' | 'kubernetes';
  /** Where the servers are, in a cluster. */
  readonly namespace?: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Clients may come. */
  readonly ready: () => boolean;
  readonly check: () => Promise<readonly Component[]>;
}

/** 200 while clients may come and every part is well, else 503. */
export function addHealthRoutes(
  api: Api,
  { manager, installation }: { readonly manager: Servers; readonly installation: Installation },
): void {
  addRoute(
    api,
    {
      id: 'readHealth',
      method: 'get',
      path: '/api/v1/health',
      tag: 'installation',
      summary: 'How the installation is: its parts, their ages, servers by state',
      answers: {
        200: { description: 'All is well.', schema: installationSchema },
        503: { description: 'A part is not well, or clients may not come.', schema: installationSchema },
      },
    },
    async ({ context }) => {
      const report = await reportOn(manager, installation);
      return context.json(report, report.status === 'ok' ? 200 : 503);
    },
  );
}

async function reportOn(manager: Servers, installation: Installation) {
  const now = Date.now();
  const { version, runtime, namespace, startedAt } = installation;
  const components = await installation.check();
  const ready = installation.ready();
  const healthy = ready && components.every(({ state }) => state === 'ok');
  return {
    status: healthy ? 'ok' : ready ? 'degraded' : 'unavailable',
    version,
    runtime,
    ...(namespace !== undefined && { namespace }),
    startedAt: new Date(startedAt).toISOString(),
    ageSeconds: Math.round((now - startedAt) / 1_000),
    components: components.map(({ name, state, message, seenAt }) => ({
      name,
      state,
      ...(message !== undefined && { message }),
      ageSeconds: Math.max(0, Math.round((now - seenAt) / 1_000)),
    })),
    servers: await countServers(manager),
  };
}

/** Where the servers cannot be listed, nothing is said of them: the parts say why. */
async function countServers(manager: Servers): Promise<object | undefined> {
  try {
    const statuses = (await manager.list()).map(({ status }) => status);
    const count = (state: string): number => statuses.filter((one) => one.state === state).length;
    return {
      total: statuses.length,
      healthy: statuses.filter(({ health }) => health === 'healthy').length,
      states: Object.fromEntries(STATUS_STATES.map((state) => [state, count(state)])),
      sessions: statuses.reduce((sum, { sessions }) => sum + sessions, 0),
    };
  } catch {
    return undefined;
  }
}
