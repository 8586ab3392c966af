/** `/api/v1/health`: how this installation is, part by part; for those who may call the API. */
import type { Hono } from 'hono';
import type { Component } from '../servers/component.ts';
import { STATUS_STATES } from '../servers/server-view.ts';
import type { Servers } from '../servers/servers.ts';
import type { ApiVariables } from './request-checks.ts';

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
  api: Hono<ApiVariables>,
  { manager, installation }: { readonly manager: Servers; readonly installation: Installation },
): void {
  api.get('/api/v1/health', async (context) => {
    const now = Date.now();
    const { version, runtime, namespace, startedAt } = installation;
    const components = await installation.check();
    const ready = installation.ready();
    const healthy = ready && components.every(({ state }) => state === 'ok');
    const report = {
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
    return context.json(report, healthy ? 200 : 503);
  });
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
