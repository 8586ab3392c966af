/** The installation as `/api/v1/health` shows it. */
import { z } from '@hono/zod-openapi';
import { counts, time, wholeNumber } from './common.ts';

export const installationSchema = z
  .object({
    status: z.enum(['ok', 'degraded', 'unavailable']),
    version: z.string(),
    runtime: z.enum(['local', 'kubernetes']),
    namespace: z.string().optional(),
    startedAt: time,
    ageSeconds: wholeNumber,
    components: z.array(
      z.object({
        name: z.string(),
        state: z.enum(['ok', 'failing']),
        message: z.string().optional(),
        ageSeconds: wholeNumber,
      }),
    ),
    servers: z
      .object({ total: wholeNumber, healthy: wholeNumber, states: counts, sessions: wholeNumber })
      .optional(),
  })
  .openapi('Installation');
