/** The paths of the control plane as patterns: by these its requests are counted. */
import type { Hono } from 'hono';
import { PROBE_PATHS } from '../metrics/probe-port.ts';
import type { ApiVariables } from './request-checks.ts';

/** As `/api/v1/servers/{name}`; what answers everything else is no endpoint. */
export function endpointsOf(app: Hono<ApiVariables>): string[] {
  const routes = app.routes.map(({ path }) => path).filter((path) => !path.includes('*'));
  const patterns = routes.map((path) => path.replace(/:(\w+)/g, '{$1}'));
  return [...new Set([...PROBE_PATHS, '/metrics', '/groups/{name}/mcp', ...patterns])];
}
