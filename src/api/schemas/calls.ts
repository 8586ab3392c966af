/** What a server offers, and calls of it. */
import { z } from '@hono/zod-openapi';
import { json, problemSchema, wholeNumber } from './common.ts';

/** What a call goes on with after it asked for input. */
const answers = { inputResponses: json.optional(), requestState: z.string().optional() };

export const toolCallSchema = z
  .strictObject({ tool: z.string(), arguments: json.default({}), ...answers })
  .openapi('ToolCall');
export const promptCallSchema = z
  .strictObject({
    prompt: z.string(),
    arguments: z.record(z.string(), z.string()).default({}),
    ...answers,
  })
  .openapi('PromptCall');
export const readingSchema = z.strictObject({ uri: z.string(), ...answers }).openapi('Reading');

const complete = { status: z.literal('complete'), result: json };
const inputRequired = {
  status: z.literal('input_required'),
  inputRequests: json,
  requestState: z.string().optional(),
};

export const outcomeSchema = z.union([z.object(complete), z.object(inputRequired)]).openapi('CallOutcome');

export const callLineSchema = z
  .union([
    z.object({
      type: z.literal('progress'),
      progress: z.number(),
      total: z.number().optional(),
      message: z.string().optional(),
    }),
    z.object({
      type: z.literal('log'),
      level: z.string().optional(),
      logger: z.string().optional(),
      data: z.unknown(),
    }),
    z.object({ type: z.literal('answer'), ...complete }),
    z.object({ type: z.literal('answer'), ...inputRequired }),
    z.object({ type: z.literal('failed'), problem: problemSchema }),
  ])
  .openapi('CallLine');

/** A list of what a server offers, under the member of its kind. */
export function offerSchema(member: string) {
  return z.object({ [member]: z.array(json), total: wholeNumber });
}
