/** Secrets and logins that the gateway keeps, as far as the API tells of them. */
import { z } from '@hono/zod-openapi';
import { time, wholeNumber } from './common.ts';

export const secretListSchema = z.object({
  secrets: z.array(z.object({ name: z.string(), updatedAt: time, usedBy: z.array(z.string()) })),
  total: wholeNumber,
});

export const secretSchema = z.strictObject({ value: z.string() }).openapi('Secret');

export const begunLoginSchema = z.object({
  login: z.string(),
  authorizationUrl: z.string(),
  expiresAt: time,
});

export const loginSchema = z
  .object({
    issuer: z.string(),
    scope: z.string().optional(),
    expiresAt: time.optional(),
    renewable: z.boolean(),
  })
  .openapi('Login', { description: 'Never a token.' });

export const finishLoginSchema = z.strictObject({ callback: z.string().max(8_192) }).openapi('LoginCallback');
