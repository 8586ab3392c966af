/** What an agent can do with servers, as MCP tools: thin over what manages them. */
import type { CallToolResult, InputRequiredResult, ServerContext } from '@modelcontextprotocol/server';
import type { Discovery } from '../discovery/discovery.ts';
import { errorData, toBerthError } from '../errors.ts';
import type { Inspections } from '../inspection/inspections.ts';
import type { CallPrincipal, ServerCalls } from '../servers/server-calls.ts';
import type { ServerView } from '../servers/server-view.ts';
import type { Servers } from '../servers/servers.ts';
import type { Confirmation } from './confirmation.ts';

export interface ControlParts {
  readonly servers: Servers;
  readonly calls: ServerCalls;
  /** The best first, with what was not found out. */
  readonly discovery: Pick<Discovery, 'search'>;
  readonly confirmation: Confirmation;
  /** Absent where packages cannot be tried. */
  readonly inspector?: Inspections;
}

/** Who calls, and the call itself. */
export interface ControlCall extends ControlParts {
  readonly caller: CallPrincipal;
  readonly context: ServerContext;
}

export type ToolAnswer = CallToolResult | InputRequiredResult;

/** A result that programs and models can read. */
export function answer(value: Readonly<Record<string, unknown>>): CallToolResult {
  return { content: [{ type: 'text', text: JSON.stringify(value) }], structuredContent: { ...value } };
}

/** Runs a tool; what it throws becomes an error that says what to do. Arguments are not repeated: there may be secrets in them. */
export async function answering(tool: string, run: () => Promise<ToolAnswer>): Promise<ToolAnswer> {
  try {
    return await run();
  } catch (thrown) {
    const error = toBerthError(thrown);
    const body = { error: error.message, error_type: error.code, tool, ...errorData(error) };
    return { content: [{ type: 'text', text: JSON.stringify(body) }], isError: true };
  }
}

/** What of a server an agent needs to go on. */
export function viewOf({ name, managed, spec, status }: ServerView): Record<string, unknown> {
  const { state, message, replicas, sessions, endpoints, lastActivity, failure } = status;
  return {
    name,
    status: state,
    message,
    ...(managed === false && { managed }),
    ...(spec?.template !== undefined && { template: spec.template }),
    replicas: replicas.desired,
    ready_replicas: replicas.ready,
    available_replicas: replicas.available,
    updated_replicas: replicas.updated,
    sessions,
    endpoints,
    ...(status.tools && { tools: status.tools }),
    ...(lastActivity !== undefined && { last_activity: lastActivity }),
    ...(failure && { failure }),
    conditions: status.conditions ?? [],
  };
}

/** Where a caller of these tools sees how a start fares that it waits for no longer. */
export const ASK_STATUS = 'ask get_mcp_status';
