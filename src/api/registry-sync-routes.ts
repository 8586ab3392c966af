/** `/api/v1/search/registries`: the MCP registries that are searched, and their mirrors. */
import type { Discovery } from '../discovery/discovery.ts';
import { toBerthError } from '../errors.ts';
import { ndjsonResponse } from './ndjson.ts';
import { toProblem } from './problem.ts';
import { flag } from './query.ts';
import { signalOf } from './request-checks.ts';
import { type Api, addRoute } from './route.ts';
import { registriesSchema, syncResultSchema } from './schemas/discovery.ts';

const REGISTRIES = '/api/v1/search/registries';
const LINES = 'application/x-ndjson';
const tag = 'packages';

export interface RegistrySyncInput {
  readonly discovery: Discovery;
  /** Ends what is under way when the gateway stops. */
  readonly signal: AbortSignal | undefined;
}

export function addRegistrySyncRoutes(api: Api, { discovery, signal: stopping }: RegistrySyncInput): void {
  addRoute(
    api,
    {
      id: 'listRegistries',
      method: 'get',
      path: REGISTRIES,
      tag,
      summary: 'The MCP registries that are searched, and how old their mirrors are',
      answers: { 200: { description: 'All of them.', schema: registriesSchema } },
    },
    async ({ context }) => {
      const registries = await discovery.registries.list();
      return context.json({ registries, total: registries.length });
    },
  );

  addRoute(
    api,
    {
      id: 'syncRegistry',
      method: 'post',
      path: `${REGISTRIES}/{name}/sync`,
      params: { name: { description: 'Name of the registry.' } },
      tag,
      summary: 'Bring the mirror of an MCP registry up to date',
      query: { full: flag('Everything, although there is a copy.') },
      headers: { Accept: `With \`${LINES}\` how it goes on comes as well, as a stream.` },
      answers: {
        200: {
          description: 'What came of it.',
          schema: syncResultSchema,
          streams: { [LINES]: 'SyncLine' },
        },
      },
      problems: ['registry-failed', 'busy'],
    },
    async ({ context, param, query: { full } }) => {
      const name = param('name');
      const requestId = context.get('requestId');
      if (!context.req.header('Accept')?.includes(LINES))
        return context.json(
          await discovery.registries.sync(name, { full, signal: signalOf(context), onProgress: () => {} }),
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
    },
  );
}
