/** A group: chosen servers behind one URL, each with a prefix for its names and the tools that it may show. */
import { z } from 'zod';
import { isServerName } from '../servers/server-name.ts';
import { toInputError } from '../servers/server-spec.ts';

const MOST_MEMBERS = 50;
const MOST_TOOLS = 500;

const name = z
  .string()
  .refine(isServerName, 'must be a DNS label: at most 52 lower-case letters, digits and dashes');

const memberSchema = z.strictObject({
  server: name,
  /** Before the names of its tools and prompts; may be empty. The server's name and two underscores unless given. */
  prefix: z
    .string()
    .regex(/^[A-Za-z0-9_-]{0,40}$/, 'must be at most 40 letters, digits, dashes and underscores')
    .optional(),
  /** Tools that clients of the group see and may call, by the server's own names, `*` for any run of characters; all unless given. */
  tools: z.array(z.string().min(1).max(256)).max(MOST_TOOLS).optional(),
});

export type GroupMember = z.output<typeof memberSchema>;

/** What a person sends; `parseGroup` reads it. */
export const groupSchema = z.strictObject({
  name,
  title: z.string().min(1).max(100).optional(),
  /** Told to agents that connect. */
  instructions: z.string().max(8_192).optional(),
  servers: z
    .array(z.union([name.transform((server): GroupMember => ({ server })), memberSchema]))
    .min(1)
    .max(MOST_MEMBERS)
    .refine(
      (members) => new Set(members.map(({ server }) => server)).size === members.length,
      'names a server twice',
    ),
});

export type GroupSpec = z.output<typeof groupSchema>;

/** Throws `bad-input` with a JSON pointer for every fault. */
export function parseGroup(body: unknown): GroupSpec {
  const result = groupSchema.safeParse(body);
  if (!result.success) throw toInputError(result.error, 'a group');
  return result.data;
}

/** Whether a member shows the tool of this name, in its server's own words. */
export function showsTool({ tools }: GroupMember, tool: string): boolean {
  return tools === undefined || tools.some((pattern) => fits(tool, pattern));
}

/** `*` is any run of characters. */
function fits(text: string, pattern: string): boolean {
  if (!pattern.includes('*')) return text === pattern;
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop() ?? '';
  if (!text.startsWith(first) || text.length < first.length + last.length) return false;
  const end = text.length - last.length;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return text.endsWith(last);
}
