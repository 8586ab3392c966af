/** What becomes of servers, as it happens: of all of them, and of one. */
import type { Context } from 'hono';
import type { ServerEvent, ServerEvents } from '../servers/server-events.ts';
import type { TemplateCatalogue } from '../templates/catalogue.ts';
import { type Item, pulledResponse } from './pulled-stream.ts';
import { text, texts } from './query.ts';
import type { ApiVariables } from './request-checks.ts';
import { type Api, addRoute } from './route.ts';
import { isWantedServer, SERVER_FILTER } from './server-filter.ts';

const EVENT_STREAM = 'text/event-stream';

export interface EventRoutesInput {
  readonly events: ServerEvents;
  readonly templates: Pick<TemplateCatalogue, 'find'>;
  /** Ends streams when the gateway stops. */
  readonly signal: AbortSignal | undefined;
}

/** Query parameter for where to begin, beside the header that browsers send by themselves. */
export const AFTER = { after: text('As `Last-Event-ID`; where both are given the header counts.') };
export const LAST_EVENT_ID = {
  'Last-Event-ID': 'Go on after this event, or after the `position` of a list; from now on without it.',
};

export function addEventRoutes(api: Api, input: EventRoutesInput): void {
  addRoute(
    api,
    {
      id: 'watchServers',
      method: 'get',
      path: '/api/v1/events',
      tag: 'servers',
      summary: 'What becomes of servers, as it happens',
      query: { server: texts('Only this server.'), ...SERVER_FILTER, ...AFTER },
      headers: {
        Accept: `Server-sent events with \`${EVENT_STREAM}\`, else JSON lines.`,
        ...LAST_EVENT_ID,
      },
      answers: {
        200: {
          description: 'Events, until the caller leaves.',
          streams: { [EVENT_STREAM]: 'WatchItem', 'application/x-ndjson': 'WatchItem' },
        },
      },
      problems: ['position-expired'],
    },
    ({ context, query }) =>
      watch(context, input, {
        after: query.after,
        wanted: ({ server }) =>
          (query.server?.includes(server.name) ?? true) && isWantedServer(server, query, input.templates),
      }),
  );
}

/** Whether the caller asks for server-sent events. */
export function wantsEvents(context: Context<ApiVariables>): boolean {
  return context.req.header('Accept')?.includes(EVENT_STREAM) ?? false;
}

export interface Watch {
  readonly after?: string | undefined;
  readonly wanted: (event: ServerEvent) => boolean;
}

/** Throws `bad-input` and `position-expired`. */
export function watch(
  context: Context<ApiVariables>,
  { events, signal }: Pick<EventRoutesInput, 'events' | 'signal'>,
  { after, wanted }: Watch,
): Response {
  const leaving = new AbortController();
  const read = events.read({
    after: context.req.header('Last-Event-ID') ?? after,
    signal: leaving.signal,
  });
  return pulledResponse(only(read, wanted), {
    events: wantsEvents(context),
    requestId: context.get('requestId'),
    leaving,
    signal,
  });
}

async function* only(
  events: AsyncGenerator<ServerEvent, void>,
  wanted: (event: ServerEvent) => boolean,
): AsyncGenerator<Item, void> {
  for await (const event of events) if (wanted(event)) yield event;
}
