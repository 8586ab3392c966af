/**
 * Parts of answers that several routes share. Schemas of other folders are named by `meta`, which is zod's own: they may have been made
 * before the library that adds `openapi` was loaded.
 */
import { z } from '@hono/zod-openapi';
import { ERROR_TABLE, type ErrorCode } from '../../errors.ts';

const CODES = Object.keys(ERROR_TABLE) as [ErrorCode, ...ErrorCode[]];

export const errorCode = z.enum(CODES);
/** ISO 8601, UTC. */
export const time = z.iso.datetime();
export const wholeNumber = z.int().nonnegative();
export const era = z.enum(['legacy', 'modern']);
export const startPhase = z.enum(['resolve', 'install', 'spawn', 'handshake', 'run']);
/** Any JSON object. */
export const json = z.record(z.string(), z.unknown());
export const counts = z.record(z.string(), wholeNumber);
export const ecosystem = z.enum(['npm', 'pypi']);

const fields = z.array(z.object({ pointer: z.string(), detail: z.string() })).openapi({
  description: 'What is at fault: a JSON pointer into the body, or a query parameter behind “?”.',
});

/** Where known: how a process ended. */
const ending = {
  phase: startPhase.optional(),
  exitCode: z.int().nullable().optional(),
  signal: z.string().nullable().optional(),
  reason: z.string().optional(),
  stderr: z.array(z.string()).optional(),
};

export const problemSchema = z
  .looseObject({
    type: z.string().openapi({ description: '`urn:berth:error:<code>`' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: errorCode,
    hint: z.string().openapi({ description: 'What to do about it.' }),
    requestId: z.string(),
    ...ending,
    errors: fields.optional(),
  })
  .openapi('Problem', { description: 'RFC 9457. Further members say more of some failures.' });

/** A failure that is kept: of a start or of a check. */
export const failureSchema = z
  .object({
    code: errorCode,
    message: z.string(),
    hint: z.string().optional(),
    ...ending,
    fields: fields.optional(),
    data: json.optional(),
  })
  .openapi('Failure');
