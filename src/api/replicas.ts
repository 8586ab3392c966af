/** The body of a request to scale. */
import { z } from '@hono/zod-openapi';
import { MOST_REPLICAS } from '../servers/servers.ts';

const EXPECTED = `must be a whole number from 0 to ${MOST_REPLICAS}`;

export const scaleSchema = z
  .strictObject({ replicas: z.int(EXPECTED).min(0, EXPECTED).max(MOST_REPLICAS, EXPECTED) })
  .openapi('Scale');
