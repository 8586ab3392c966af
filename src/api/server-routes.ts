/** `/api/v1/servers`: thin over the manager. */
import type { Hono } from 'hono';
import { parseServerSpec } from '../servers/server-spec.ts';
import { STATUS_STATES } from '../servers/server-view.ts';
import type { Servers } from '../servers/servers.ts';
import { ndjsonResponse } from './ndjson.ts';
import { queryFlag, queryNumber, queryPage, queryWord } from './query.ts';
import { parseReplicas } from './replicas.ts';
import type { ApiVariables } from './request-checks.ts';
import { readJson } from './request-checks.ts';

const SERVERS = '/api/v1/servers';

export interface ServerRoutesInput {
  readonly manager: Servers;
  /** Ends streams when the gateway stops. */
  readonly signal: AbortSignal | undefined;
}

export function addServerRoutes(api: Hono<ApiVariables>, input: ServerRoutesInput): void {
  addCollection(api, input);
  addVerbs(api, input);
  addStreams(api, input);
}

function addCollection(api: Hono<ApiVariables>, { manager }: ServerRoutesInput): void {
  api.post(SERVERS, async (context) => {
    const wait = queryWord(context.req, 'wait', ['ready']) === 'ready';
    const spec = parseServerSpec(await readJson(context.req.raw));
    const { server, created } = await manager.run(spec, { wait, signal: context.req.raw.signal });
    const pending = server.status.replicas.ready === 0;
    return context.json(server, pending ? 202 : created ? 201 : 200, {
      Location: `${SERVERS}/${server.name}`,
    });
  });

  api.get(SERVERS, async (context) => {
    const state = queryWord(context.req, 'state', STATUS_STATES);
    const template = context.req.query('template');
    const page = queryPage(context.req);
    const found = (await manager.list())
      .filter((server) => state === undefined || server.status.state === state)
      .filter((server) => template === undefined || server.spec?.template === template);
    return context.json({ servers: page.of(found), total: found.length });
  });

  api.get(`${SERVERS}/:name`, async (context) => context.json(await manager.get(context.req.param('name'))));

  api.get(`${SERVERS}/:name/health`, async (context) =>
    context.json(await manager.checkHealth(context.req.param('name'))),
  );

  api.delete(`${SERVERS}/:name`, async (context) => {
    await manager.remove(context.req.param('name'), { force: queryFlag(context.req, 'force') });
    return context.body(null, 204);
  });
}

function addVerbs(api: Hono<ApiVariables>, { manager }: ServerRoutesInput): void {
  api.post(`${SERVERS}/:name/start`, async (context) => {
    const wait = queryWord(context.req, 'wait', ['ready']) === 'ready';
    const server = await manager.start(context.req.param('name'), { wait, signal: context.req.raw.signal });
    return context.json(server, server.status.replicas.ready > 0 ? 200 : 202);
  });

  api.post(`${SERVERS}/:name/stop`, async (context) => {
    const force = queryFlag(context.req, 'force');
    return context.json(await manager.stop(context.req.param('name'), { force }));
  });

  api.post(`${SERVERS}/:name/restart`, async (context) => {
    const wait = queryWord(context.req, 'wait', ['ready']) === 'ready';
    const server = await manager.restart(context.req.param('name'), { wait, signal: context.req.raw.signal });
    return context.json(server, server.status.replicas.ready > 0 ? 200 : 202);
  });

  api.post(`${SERVERS}/:name/scale`, async (context) => {
    const wait = queryWord(context.req, 'wait', ['ready']) === 'ready';
    const replicas = parseReplicas(await readJson(context.req.raw));
    const options = { wait, signal: context.req.raw.signal };
    const server = await manager.scale(context.req.param('name'), replicas, options);
    return context.json(server, server.status.replicas.ready >= replicas ? 200 : 202);
  });
}

function addStreams(api: Hono<ApiVariables>, { manager, signal }: ServerRoutesInput): void {
  api.get(`${SERVERS}/:name/logs`, async (context) => {
    const name = context.req.param('name');
    const tail = queryNumber(context.req, 'tail', { fallback: 100, max: 10_000 });
    const lines = await manager.logs(name, tail);
    if (!queryFlag(context.req, 'follow')) return context.json({ lines });
    return ndjsonResponse((feed) => {
      for (const line of lines) feed.send(line);
      return manager.followLogs(name, (line) => feed.send(line));
    }, signal);
  });

  api.get(`${SERVERS}/:name/events`, (context) => {
    const log = manager.startLog(context.req.param('name'));
    return ndjsonResponse((feed) => {
      const left = new AbortController();
      void (async () => {
        for await (const event of log.read(left.signal)) feed.send(event);
        feed.end();
      })();
      return () => left.abort();
    }, signal);
  });
}
