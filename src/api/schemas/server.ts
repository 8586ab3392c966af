/** Servers as the API shows them. */
import { z } from '@hono/zod-openapi';
import { serverSpecSchema } from '../../servers/server-spec.ts';
import { STATUS_STATES } from '../../servers/server-view.ts';
import { era, failureSchema, problemSchema, startPhase, time, wholeNumber } from './common.ts';

export const specSchema = serverSpecSchema.meta({ id: 'ServerSpec' });

const health = z.enum(['healthy', 'unhealthy', 'unknown']);
const state = z.enum(STATUS_STATES);
const lastCheck = z.object({
  at: time,
  ms: wholeNumber.openapi({ description: 'Milliseconds.' }),
  failures: wholeNumber.openapi({ description: 'Failed checks in a row.' }),
});

const resources = z
  .object({
    limits: z.object({ memory: z.string().optional(), cpu: z.string().optional() }),
    outOfMemory: z
      .object({ count: wholeNumber, lastAt: time })
      .optional()
      .openapi({ description: 'Processes that ran out of memory since the gateway began.' }),
  })
  .openapi({ description: 'On one machine: what each process of the server may have.' });

const condition = z.object({
  type: z.string(),
  status: z.string(),
  reason: z.string(),
  message: z.string(),
  lastUpdate: time.optional(),
});

const status = z
  .object({
    state,
    reason: z.string().openapi({ description: 'One word for the state.' }),
    message: z.string(),
    hint: z.string().optional(),
    failure: failureSchema.optional(),
    replicas: z.object({
      desired: wholeNumber,
      ready: wholeNumber,
      available: wholeNumber.optional(),
      updated: wholeNumber.optional(),
    }),
    health,
    lastCheck: lastCheck.optional(),
    sessions: wholeNumber,
    processes: wholeNumber,
    capacity: z.object({ sessions: wholeNumber, processes: wholeNumber.optional() }).optional(),
    resources: resources.optional(),
    eras: z.array(era).optional(),
    era: era.optional(),
    protocolVersion: z.string().optional(),
    serverInfo: z.looseObject({ name: z.string(), version: z.string() }).optional(),
    tools: z.array(z.string()).optional(),
    capabilities: z.array(z.string()).optional(),
    dependencies: z
      .array(z.object({ name: z.string(), met: z.boolean(), message: z.string().optional() }))
      .optional(),
    package: z.object({ ecosystem: z.string(), name: z.string(), version: z.string() }).optional(),
    remote: z
      .object({ url: z.string(), transport: z.enum(['streamable-http', 'sse', 'websocket', 'auto']) })
      .optional(),
    phases: z.array(z.object({ phase: z.string(), ms: z.number() })),
    endpoints: z.array(
      z.object({
        transport: z.enum(['streamable-http', 'sse', 'websocket', 'unknown']),
        url: z.string(),
      }),
    ),
    conditions: z.array(condition).optional(),
    createdAt: time,
    startedAt: time.optional(),
    stoppedAt: time.optional(),
    lastActivity: time.optional(),
  })
  .openapi('ServerStatus');

export const serverSchema = z
  .object({
    name: z.string(),
    id: z.string(),
    revision: z.string().openapi({ description: 'Changes with everything that is wanted of the server.' }),
    labels: z.record(z.string(), z.string()),
    spec: specSchema.optional().openapi({ description: 'Absent where Berth did not make the server.' }),
    managed: z.literal(false).optional(),
    status,
  })
  .openapi('Server');

export const serverListSchema = z.object({
  servers: z.array(serverSchema),
  total: wholeNumber,
  next: z.string().optional().openapi({ description: 'Where the next page begins: its `cursor`.' }),
  position: z.string().openapi({ description: 'Where to go on watching: what happens after this list.' }),
});

export const serverEventSchema = z
  .object({
    id: z.string(),
    type: z.enum(['added', 'changed', 'removed']),
    at: time,
    server: serverSchema,
  })
  .openapi('ServerEvent', { description: 'The server as it is now; a removed one as it was.' });

export const watchFailureSchema = z
  .object({ type: z.literal('failed'), problem: problemSchema })
  .openapi('WatchFailure', { description: 'The last of a stream that could not go on.' });

export const watchItemSchema = z.union([serverEventSchema, watchFailureSchema]).openapi('WatchItem');

export const serverHealthSchema = z.object({
  state,
  health,
  message: z.string(),
  hint: z.string().optional(),
  failure: failureSchema.optional(),
  lastCheck: lastCheck.optional(),
});

const check = z
  .object({
    at: time,
    ms: wholeNumber.openapi({ description: 'Milliseconds.' }),
    health: z.enum(['healthy', 'unhealthy']),
    failures: wholeNumber.openapi({ description: 'Failed checks in a row, this one included.' }),
    failure: failureSchema.optional(),
  })
  .openapi('HealthCheck');

export const checkListSchema = z.object({ checks: z.array(check), total: wholeNumber });

const at = { at: wholeNumber.openapi({ description: 'Milliseconds since 1970.' }) };

export const startEventSchema = z
  .union([
    z.object({ type: z.literal('phase'), phase: startPhase, state: z.literal('started'), ...at }),
    z.object({
      type: z.literal('phase'),
      phase: startPhase,
      state: z.literal('done'),
      ms: z.number(),
      text: z.string().optional(),
      ...at,
    }),
    z.object({ type: z.literal('progress'), phase: startPhase, text: z.string(), ...at }),
    z.object({ type: z.literal('running'), ...at }),
    z.object({ type: z.literal('failed'), failure: failureSchema, ...at }),
    z.object({ type: z.literal('stopped'), ...at }),
  ])
  .openapi('StartEvent');

const processSchema = z.object({
  pid: wholeNumber,
  queuedBytes: wholeNumber,
  messagesIn: wholeNumber,
  messagesOut: wholeNumber,
  noiseLines: wholeNumber,
});

const sessionSchema = z
  .object({
    id: z.string(),
    kind: z.enum(['session', 'pool', 'modern', 'process']),
    state: z.enum(['opening', 'busy', 'idle', 'unused']),
    transport: z.string().optional(),
    era: era.optional(),
    principal: z.string().optional(),
    protocolVersion: z.string().optional(),
    createdAt: time,
    lastActivity: time,
    callsInFlight: wholeNumber,
    queuedBytes: wholeNumber,
    bufferedBytes: wholeNumber,
    heldBytes: wholeNumber,
    lostNotifications: wholeNumber,
    processes: z.array(processSchema),
  })
  .openapi('Session');

export const sessionListSchema = z.object({ sessions: z.array(sessionSchema), total: wholeNumber });
export const endedSchema = z.object({ ended: wholeNumber });

const usage = {
  sessions: wholeNumber,
  calls: wholeNumber,
  failedCalls: wholeNumber,
  bytesToServer: wholeNumber,
  bytesFromServer: wholeNumber,
};

export const usageSchema = z.object({
  days: z.array(z.object({ day: z.iso.date(), ...usage })),
  sum: z.object(usage),
});
