/** `/api/v1/search/registries`: the MCP registries that are searched, and their mirrors. */
import type { Hono } from 'hono';
import type { Discovery } from '../discovery/discovery.ts';
import { toBerthError } from '../errors.ts';
import { ndjsonResponse } from './ndjson.ts';
import { toProblem } from './problem.ts';
import { queryFlag } from './query.ts';
import type { ApiVariables } from './request-checks.ts';

const REGISTRIES = '/api/v1/search/registries';
const LINES = 'application/x-ndjson';

export interface RegistrySyncInput {
  readonly discovery: Discovery;
  /** Ends what is under way when the gateway stops. */
  readonly signal: AbortSignal | undefined;
}

export function addRegistrySyncRoutes(
  api: Hono<ApiVariables>,
  { discovery, signal: stopping }: RegistrySyncInput,
): void {
  api.get(REGISTRIES, async (context) => {
    const registries = await discovery.registries.list();
    return context.json({ registries, total: registries.length });
  });

  api.post(`${REGISTRIES}/:name/sync`, async (context) => {
    const { req } = context;
    const name = req.param('name') ?? '';
    const full = queryFlag(req, 'full');
    const requestId = context.get('requestId');
    if (!req.header('Accept')?.includes(LINES))
      return context.json(
        await discovery.registries.sync(name, { full, signal: req.raw.signal, onProgress: () => {} }),
      );
    return ndjsonResponse((feed) => {
      const leaving = new AbortController();
      discovery.registries
        .sync(name, { full, signal: leaving.signal, onProgress: (progress) => feed.send(progress) })
        .then(
          (result) => feed.end({ type: 'done', ...result }),
          (thrown: unknown) =>
            feed.end({ type: 'failed', problem: toProblem(toBerthError(thrown), requestId) }),
        );
      return () => leaving.abort(new Error('the caller has left'));
    }, stopping);
  });
}
