/** Servers whose replicas were taken away because nobody used them; their specification still says how many they are to have. */
import type { McpServer } from './mcp-server.ts';

/**
 * The annotation of an MCPServer that sleeps: the generation of its specification at that time, so that a change of it wakes the
 * server as a request does, which takes the annotation away.
 */
export const ASLEEP = 'berth.dev/asleep';

export function isAsleep({ metadata: { annotations, generation = 0 } }: McpServer): boolean {
  return annotations?.[ASLEEP] === String(generation);
}
