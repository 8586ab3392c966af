/** Which definition of a revision's schema a whole message has to keep. */
import { type Revision, schemaFault } from './mcp-schemas.ts';

interface Message {
  readonly id?: unknown;
  readonly method?: string;
  readonly result?: unknown;
  readonly error?: unknown;
}

const REQUESTS: Readonly<Record<string, string>> = {
  initialize: 'Initialize',
  ping: 'Ping',
  'server/discover': 'Discover',
  'subscriptions/listen': 'SubscriptionsListen',
  'tools/list': 'ListTools',
  'tools/call': 'CallTool',
  'prompts/list': 'ListPrompts',
  'prompts/get': 'GetPrompt',
  'resources/list': 'ListResources',
  'resources/templates/list': 'ListResourceTemplates',
  'resources/read': 'ReadResource',
  'resources/subscribe': 'Subscribe',
  'resources/unsubscribe': 'Unsubscribe',
  'logging/setLevel': 'SetLevel',
  'completion/complete': 'Complete',
  'elicitation/create': 'Elicit',
  'sampling/createMessage': 'CreateMessage',
  'roots/list': 'ListRoots',
};

const NOTIFICATIONS: Readonly<Record<string, string>> = {
  'notifications/initialized': 'Initialized',
  'notifications/cancelled': 'Cancelled',
  'notifications/progress': 'Progress',
  'notifications/message': 'LoggingMessage',
  'notifications/tools/list_changed': 'ToolListChanged',
  'notifications/prompts/list_changed': 'PromptListChanged',
  'notifications/resources/list_changed': 'ResourceListChanged',
  'notifications/resources/updated': 'ResourceUpdated',
  'notifications/subscriptions/acknowledged': 'SubscriptionsAcknowledged',
};

/** Methods whose results are empty. */
const EMPTY = new Set(['ping', 'logging/setLevel', 'resources/subscribe', 'resources/unsubscribe']);

/** What is wrong with a message by a revision's schema; `answers` is the method of the request that it answers. */
export function messageFault(revision: Revision, message: Message, answers?: string): string | undefined {
  const { method, error, result } = message;
  if (method !== undefined) return schemaFault(revision, definitionOf(message, method), message);
  if (error !== undefined)
    return schemaFault(revision, revision < '2025-11-25' ? 'JSONRPCError' : 'JSONRPCErrorResponse', message);
  const name = REQUESTS[answers ?? ''];
  if (name === undefined) return `an answer to the unknown method ${answers}`;
  return schemaFault(revision, EMPTY.has(answers ?? '') ? 'EmptyResult' : `${name}Result`, result);
}

function definitionOf({ id }: Message, method: string): string {
  const name = id === undefined ? NOTIFICATIONS[method] : REQUESTS[method];
  if (name === undefined) throw new Error(`no schema is known for ${method}`);
  return `${name}${id === undefined ? 'Notification' : 'Request'}`;
}
