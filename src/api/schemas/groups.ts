/** Groups of servers as the API shows them. */
import { z } from '@hono/zod-openapi';
import { groupSchema } from '../../groups/group-spec.ts';
import { errorCode, json, time, wholeNumber } from './common.ts';

export const groupSpecSchema = groupSchema.meta({ id: 'GroupSpec' });

export const groupViewSchema = z
  .object({
    name: z.string(),
    title: z.string().optional(),
    instructions: z.string().optional(),
    servers: z.array(
      z.object({
        server: z.string(),
        prefix: z.string(),
        tools: z.array(z.string()).optional(),
        state: z.string().openapi({ description: 'Of the server; `missing`: there is no such server.' }),
      }),
    ),
    url: z.string(),
    createdAt: time,
    updatedAt: time,
  })
  .openapi('Group');

export const groupListSchema = z.object({ groups: z.array(groupViewSchema), total: wholeNumber });

export const groupToolsSchema = z.object({
  tools: z.array(json),
  total: wholeNumber,
  silent: z
    .array(z.looseObject({ server: z.string(), detail: z.string(), code: errorCode, hint: z.string() }))
    .openapi({ description: 'Servers that did not answer, and why.' }),
});
