/** The MCP registry API as far as Berth has it. */
import { z } from '@hono/zod-openapi';
import { json, wholeNumber } from './common.ts';

export const registryEntrySchema = z
  .object({ server: json, _meta: json })
  .openapi('RegistryEntry', { description: 'As the MCP registry defines it.' });

export const registryListSchema = z
  .object({
    servers: z.array(registryEntrySchema),
    metadata: z.object({ count: wholeNumber, nextCursor: z.string().optional() }),
  })
  .openapi('RegistryList');

export const registryErrorSchema = z.object({ error: z.string() }).openapi('RegistryError');
