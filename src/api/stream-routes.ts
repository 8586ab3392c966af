/** What a server says while somebody reads: its log, and the events of its start. */
import type { LogBook } from '../log/log-book.ts';
import type { ServerEvents } from '../servers/server-events.ts';
import type { Servers } from '../servers/servers.ts';
import { AFTER, LAST_EVENT_ID, wantsEvents, watch } from './event-routes.ts';
import { followServerLog, readServerLog, SOURCES } from './merged-log.ts';
import { ndjsonResponse } from './ndjson.ts';
import { SERVER_PARAMS as params } from './path-parameters.ts';
import { count, flag, words } from './query.ts';
import { checkManager } from './request-checks.ts';
import { type Api, addRoute } from './route.ts';
import { logSchema } from './schemas/log.ts';
import { AWAY, SERVERS } from './server-routes.ts';

const SERVER = `${SERVERS}/{name}`;
const tag = 'servers';

export interface StreamRoutesInput {
  readonly manager: Servers;
  readonly events: ServerEvents;
  /** Of the gateway's own log. */
  readonly book: LogBook;
  /** Ends streams when the gateway stops. */
  readonly signal: AbortSignal | undefined;
}

export function addStreamRoutes(api: Api, { manager, events, book, signal }: StreamRoutesInput): void {
  addRoute(
    api,
    {
      id: 'readLog',
      method: 'get',
      path: `${SERVER}/logs`,
      params,
      tag,
      summary: 'The newest lines of standard error of a server',
      query: {
        tail: count('Lines from the end.', { fallback: 100, max: 10_000 }),
        follow: flag('Go on with what is written from now on.'),
        also: words(
          'Merged with it by time: what the log of the gateway says of the server (needs the scope `manage`), Events of its pods in a cluster.',
          SOURCES,
        ),
      },
      answers: {
        200: {
          description: 'The lines; with `follow` as a stream of JSON lines.',
          schema: logSchema,
          streams: { 'application/x-ndjson': 'LogLine' },
        },
      },
      problems: AWAY,
    },
    async ({ context, param, query: { tail, follow, also } }) => {
      if (also.includes('gateway')) checkManager(context);
      const log = { manager, book, name: param('name'), also };
      const lines = await readServerLog(log, tail);
      if (!follow) return context.json({ lines });
      return ndjsonResponse((feed) => {
        for (const line of lines) feed.send(line);
        return followServerLog(log, (line) => feed.send(line));
      }, signal);
    },
  );

  addRoute(
    api,
    {
      id: 'readServerEvents',
      method: 'get',
      path: `${SERVER}/events`,
      params,
      tag,
      summary: 'The newest start of a server from its beginning to its end; or what becomes of it',
      query: AFTER,
      headers: {
        Accept: 'With `text/event-stream` what becomes of the server, until the caller leaves.',
        ...LAST_EVENT_ID,
      },
      answers: {
        200: {
          description: 'Its events.',
          streams: { 'application/x-ndjson': 'StartEvent', 'text/event-stream': 'WatchItem' },
        },
      },
      problems: [...AWAY, 'not-allowed', 'position-expired'],
    },
    async ({ context, param, query }) => {
      const name = param('name');
      if (wantsEvents(context)) {
        await manager.get(name);
        return watch(context, { events, signal }, { ...query, wanted: ({ server }) => server.name === name });
      }
      const log = manager.startLog(name);
      return ndjsonResponse((feed) => {
        const left = new AbortController();
        void (async () => {
          for await (const event of log.read(left.signal)) feed.send(event);
          feed.end();
        })();
        return () => left.abort();
      }, signal);
    },
  );
}
