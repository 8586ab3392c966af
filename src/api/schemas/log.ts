/** Lines of logs as the API shows them. */
import { z } from '@hono/zod-openapi';
import { ENTRY_LEVELS } from '../../log/log-book.ts';
import { json, wholeNumber } from './common.ts';
import { watchFailureSchema } from './server.ts';

const at = wholeNumber.openapi({ description: 'Milliseconds since 1970.' });
const level = z.enum(ENTRY_LEVELS);

export const logLineSchema = z
  .object({
    at,
    pid: wholeNumber.openapi({ description: '0 where no process has written it.' }),
    text: z.string(),
    replica: z.string().optional(),
    container: z.string().optional(),
    source: z.enum(['gateway', 'event']).optional().openapi({
      description:
        'Absent on what the server wrote itself: `gateway` is its log, `event` an Event of the cluster.',
    }),
    level: level.optional().openapi({ description: 'Of the gateway’s log.' }),
  })
  .openapi('LogLine');

export const logSchema = z.object({ lines: z.array(logLineSchema) });

const entrySchema = z
  .object({
    id: z.string().openapi({ description: 'Its place, for `Last-Event-ID`.' }),
    at,
    level,
    message: z.string(),
    server: z.string().optional(),
    requestId: z.string().optional(),
    details: json.optional(),
  })
  .openapi('LogEntry');

export const logItemSchema = z.union([entrySchema, watchFailureSchema]).openapi('LogItem');

export const gatewayLogSchema = z.object({
  entries: z.array(entrySchema),
  position: z.string().openapi({ description: 'Where to go on: what is written after these.' }),
  gateway: z.string().optional().openapi({ description: 'Which gateway has answered, in a cluster.' }),
});
