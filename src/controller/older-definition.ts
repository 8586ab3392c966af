/**
 * A definition of MCPServer that is older than this controller, as where a release does not install it: the API server refuses to apply
 * what the definition has no name for, with status 500 and the path of each.
 */
import { apiStatusOf } from '../cluster/api-status.ts';
import type { McpServerStatus } from '../cluster/mcp-server.ts';

const UNKNOWN = /\.status\.([A-Za-z]+)[^\n]*: field not declared in schema/g;

/** Members of a status that a refusal says are not known; none for any other refusal. */
export function unknownMembers(refusal: unknown): string[] {
  const message = apiStatusOf(refusal)?.message ?? '';
  return [...new Set(Array.from(message.matchAll(UNKNOWN), ([, member = '']) => member))];
}

/** The status without them. */
export function withoutMembers(status: McpServerStatus, members: readonly string[]): McpServerStatus {
  return Object.fromEntries(
    Object.entries(status).filter(([member]) => !members.includes(member)),
  ) as unknown as McpServerStatus;
}
