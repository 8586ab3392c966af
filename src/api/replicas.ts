/** The body of a request to scale. */
import { z } from 'zod';
import { toInputError } from '../servers/server-spec.ts';
import { MOST_REPLICAS } from '../servers/servers.ts';

const EXPECTED = `must be a whole number from 0 to ${MOST_REPLICAS}`;
const schema = z.strictObject({ replicas: z.int(EXPECTED).min(0, EXPECTED).max(MOST_REPLICAS, EXPECTED) });

/** The wanted number of replicas. Throws `bad-input`. */
export function parseReplicas(body: unknown): number {
  const result = schema.safeParse(body);
  if (!result.success) throw toInputError(result.error);
  return result.data.replicas;
}
