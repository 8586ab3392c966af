/** `/api/v1/logs`: the gateway's own log, for those who may manage it. Nobody else reads what others have done. */
import type { EntryFilter, LogBook, LogEntry } from '../log/log-book.ts';
import { ENTRY_LEVELS } from '../log/log-book.ts';
import { AFTER, LAST_EVENT_ID, wantsEvents } from './event-routes.ts';
import { type Item, pulledResponse } from './pulled-stream.ts';
import { count, flag, text, word } from './query.ts';
import { checkManager } from './request-checks.ts';
import { type Api, addRoute } from './route.ts';
import { gatewayLogSchema } from './schemas/log.ts';

const LOGS = '/api/v1/logs';
const tag = 'installation';

export interface LogRoutesInput {
  readonly book: LogBook;
  /** Which gateway this is, where there are several: each has a log of its own. */
  readonly gateway?: string | undefined;
  /** Ends streams when the gateway stops. */
  readonly signal: AbortSignal | undefined;
}

export function addLogRoutes(api: Api, { book, gateway, signal }: LogRoutesInput): void {
  addRoute(
    api,
    {
      id: 'readGatewayLog',
      method: 'get',
      path: LOGS,
      tag,
      summary: 'The newest lines of the log of the gateway itself',
      description: 'Needs the scope `manage`. Where there are several gateways, of the one that answers.',
      query: {
        tail: count('Entries from the end.', { fallback: 100, max: 1_000 }),
        level: word('This severe at least.', ENTRY_LEVELS),
        server: text('Only what names this server.'),
        follow: flag('Go on with what is written from now on.'),
        ...AFTER,
      },
      headers: { Accept: 'With `text/event-stream` followed as server-sent events.', ...LAST_EVENT_ID },
      answers: {
        200: {
          description: 'Entries, oldest first; with `follow` as a stream of JSON lines.',
          schema: gatewayLogSchema,
          streams: { 'application/x-ndjson': 'LogItem', 'text/event-stream': 'LogItem' },
        },
      },
      problems: ['position-expired'],
    },
    ({ context, query: { tail, level, server, follow, after } }) => {
      checkManager(context);
      const filter = { level, server };
      if (!follow && !wantsEvents(context)) {
        const { position } = book;
        const entries = book.tail(tail, filter);
        return context.json({ entries, position, ...(gateway !== undefined && { gateway }) });
      }
      const leaving = new AbortController();
      const place = context.req.header('Last-Event-ID') ?? after;
      return pulledResponse(followed(book, { tail, place, filter, signal: leaving.signal }), {
        events: wantsEvents(context),
        requestId: context.get('requestId'),
        leaving,
        signal,
      });
    },
  );

  addRoute(
    api,
    {
      id: 'clearGatewayLog',
      method: 'delete',
      path: LOGS,
      tag,
      summary: 'Forget the lines of the gateway’s log that are kept for the API',
      description: 'What was written to the standard error of the gateway stays there.',
      answers: { 204: { description: 'They are gone.' } },
    },
    ({ context }) => {
      book.clear();
      return context.body(null, 204);
    },
  );
}

interface Following {
  readonly tail: number;
  /** Where the reader was before; it has had the newest entries then. */
  readonly place: string | undefined;
  readonly filter: EntryFilter;
  readonly signal: AbortSignal;
}

/** Throws at once for a place that is none, or is no longer kept. */
function followed(book: LogBook, { tail, place, filter, signal }: Following): AsyncGenerator<Item, void> {
  const before = place === undefined ? book.tail(tail, filter) : [];
  const after = book.read({ after: place, signal }, filter);
  return chain(before, after);
}

async function* chain(
  before: readonly LogEntry[],
  after: AsyncGenerator<LogEntry, void>,
): AsyncGenerator<Item, void> {
  for (const entry of before) yield toItem(entry);
  for await (const entry of after) yield toItem(entry);
}

function toItem(entry: LogEntry): Item {
  return { id: entry.id, type: 'entry', text: JSON.stringify(entry) };
}
