/** What the API says of calls, as functions over its client. */
import { BerthError } from '../errors.ts';
import { type ApiClient, type ProblemAnswer, toProblemError } from './client.ts';

export interface ToolAnswer {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly inputSchema?: JsonSchema;
}

/** What of a JSON Schema is looked at here. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly enumNames?: readonly string[];
  readonly oneOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly const?: unknown;
  readonly items?: JsonSchema;
  readonly format?: string;
}

export interface PromptAnswer {
  readonly name: string;
  readonly description?: string;
  readonly arguments?: readonly { readonly name: string; readonly required?: boolean }[];
}

export interface ResourceAnswer {
  readonly name: string;
  readonly uri?: string;
  readonly uriTemplate?: string;
  readonly mimeType?: string;
  readonly description?: string;
}

/** One request of MCP by which a server asks for input. */
export interface InputRequest {
  readonly method: string;
  readonly params?: {
    readonly mode?: string;
    readonly message?: string;
    readonly url?: string;
    readonly requestedSchema?: JsonSchema;
  };
}

export type CallAnswer =
  | { readonly status: 'complete'; readonly result: CallResult }
  | {
      readonly status: 'input_required';
      readonly inputRequests: Readonly<Record<string, InputRequest>>;
      readonly requestState?: string;
    };

export interface CallResult {
  readonly content?: readonly ContentBlock[];
  readonly structuredContent?: unknown;
  readonly isError?: boolean;
  readonly [member: string]: unknown;
}

export interface ContentBlock {
  readonly type: string;
  readonly text?: string;
  readonly mimeType?: string;
  readonly data?: string;
  readonly uri?: string;
  readonly name?: string;
  readonly resource?: { readonly uri: string; readonly text?: string; readonly blob?: string };
}

export type CallLine =
  | {
      readonly type: 'progress';
      readonly progress?: number;
      readonly total?: number;
      readonly message?: string;
    }
  | { readonly type: 'log'; readonly level?: string; readonly data?: unknown }
  | ({ readonly type: 'answer' } & CallAnswer)
  | { readonly type: 'failed'; readonly problem: ProblemAnswer };

export interface CallInput {
  readonly server: string;
  /** Which kind of call, as the API has it. */
  readonly kind: 'call' | 'prompt' | 'read';
  readonly body: Readonly<Record<string, unknown>>;
  readonly onLine?: (line: CallLine) => void;
  readonly signal?: AbortSignal;
}

type Lists = { tools: ToolAnswer; prompts: PromptAnswer; resources: ResourceAnswer };

/** Everything a server has of one kind. */
export async function listOffer<K extends keyof Lists>(
  client: ApiClient,
  server: string,
  kind: K,
): Promise<Lists[K][]> {
  const answer = await client.json<Record<string, Lists[K][]>>(
    `/servers/${encodeURIComponent(server)}/${kind}`,
  );
  return answer[kind] ?? [];
}

export async function listTemplates(client: ApiClient, server: string): Promise<ResourceAnswer[]> {
  const path = `/servers/${encodeURIComponent(server)}/resource-templates`;
  return (await client.json<{ resourceTemplates: ResourceAnswer[] }>(path)).resourceTemplates;
}

/** Makes one round of a call. Rejects with the gateway's own error. */
export async function makeCall(
  client: ApiClient,
  { server, kind, body, onLine, signal }: CallInput,
): Promise<CallAnswer> {
  const path = `/servers/${encodeURIComponent(server)}/${kind}`;
  for await (const line of client.lines<CallLine>(path, {
    method: 'POST',
    body,
    ...(signal && { signal }),
  })) {
    if (line.type === 'answer') return line;
    if (line.type === 'failed') throw toProblemError(line.problem);
    onLine?.(line);
  }
  throw new BerthError('unreachable', `the connection to ${client.url} broke before the answer came`);
}
