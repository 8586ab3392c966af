/** The official SDKs' clients, made to look alike: each version, each era and each transport that it can speak here. */
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as StreamableV2,
  type Transport as TransportV2,
  type VersionNegotiationOptions,
} from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { WebSocketClientTransport } from '@modelcontextprotocol/sdk/client/websocket.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { SdkWebSocket } from './sdk-websocket.ts';

export const SDK_CLIENTS = [
  'v1 streamable-http',
  'v1 sse',
  'v1 websocket',
  'v2 legacy streamable-http',
  'v2 legacy websocket',
  'v2 auto streamable-http',
  'v2 auto websocket',
  'v2 modern streamable-http',
  'v2 modern websocket',
] as const;
export type SdkFlavour = (typeof SDK_CLIENTS)[number];

export interface ToolOptions {
  /** Gets each value of the call's progress. */
  readonly progress?: (value: number) => void;
  /** Cancels the call. */
  readonly signal?: AbortSignal;
}

export interface SdkClient {
  readonly serverName: string | undefined;
  /** The era that the connection really speaks. */
  readonly era: 'legacy' | 'modern' | undefined;
  /** Names of the tools. */
  listTools(): Promise<string[]>;
  /** The first text of the result. */
  callTool(name: string, args: Record<string, unknown>, options?: ToolOptions): Promise<string>;
  close(): Promise<void>;
}

const INFO = { name: 'berth-test', version: '1.0.0' };
const CAPABILITIES = { elicitation: {}, sampling: {} };
/** What these clients answer when they are asked for input. */
export const ELICITED = { username: 'ada', email: 'ada@example.com' };
export const SAMPLED = { type: 'text' as const, text: 'a word of the model' };

const ACCEPTED = { action: 'accept' as const, content: ELICITED };
const COMPLETION = { role: 'assistant' as const, content: SAMPLED, model: 'none' };

export interface SdkOptions {
  /** Declared, and told to servers that ask; without them the client does not know roots. */
  readonly roots?: readonly { readonly uri: string; readonly name: string }[];
  /** Sent as a bearer token. The first version's own WebSocket cannot send one: ours stands in for it then. */
  readonly key?: string;
}

function headersOf({ key }: SdkOptions): Record<string, string> {
  return key === undefined ? {} : { authorization: `Bearer ${key}` };
}

const NEGOTIATION: Readonly<Record<string, VersionNegotiationOptions>> = {
  auto: { mode: 'auto' },
  modern: { mode: { pin: '2026-07-28' } },
};

/** The era that a client of a flavour is expected to speak with a gateway that speaks both. */
export function eraOf(flavour: SdkFlavour): 'legacy' | 'modern' {
  return /^v2 (auto|modern)/.test(flavour) ? 'modern' : 'legacy';
}

function firstText(result: Record<string, unknown>): string {
  const content = result.content as { type: string; text?: string }[] | undefined;
  const text = content?.find(({ type }) => type === 'text')?.text;
  if (text === undefined) throw new Error(`no text in ${JSON.stringify(result).slice(0, 500)}`);
  return text;
}

/** The options of a call as both versions take them. */
function requestOptions({ progress, signal }: ToolOptions) {
  return {
    ...(progress && { onprogress: (step: { progress: number }) => progress(step.progress) }),
    ...(signal && { signal }),
  };
}

function transportV1(flavour: SdkFlavour, base: string, options: SdkOptions): Transport {
  const headers = headersOf(options);
  const requestInit = { headers };
  if (flavour === 'v1 sse')
    return new SSEClientTransport(new URL(`${base}/sse`), { requestInit }) as Transport;
  if (flavour === 'v1 websocket') {
    if (options.key !== undefined) return new SdkWebSocket(`${base}/ws`, headers) as Transport;
    return new WebSocketClientTransport(new URL(`${base.replace(/^http/, 'ws')}/ws`)) as Transport;
  }
  return new StreamableHTTPClientTransport(new URL(`${base}/mcp`), { requestInit }) as Transport;
}

async function connectV1(flavour: SdkFlavour, base: string, options: SdkOptions): Promise<SdkClient> {
  const { roots } = options;
  const client = new Client(INFO, { capabilities: { ...CAPABILITIES, ...(roots && { roots: {} }) } });
  client.setRequestHandler(ElicitRequestSchema, () => ({ ...ACCEPTED }));
  client.setRequestHandler(CreateMessageRequestSchema, () => ({ ...COMPLETION }));
  if (roots) client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [...roots] }));
  const transport = transportV1(flavour, base, options);
  await client.connect(transport);
  return {
    serverName: client.getServerVersion()?.name,
    era: 'legacy',
    listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
    callTool: async (name, args, options = {}) =>
      firstText(await client.callTool({ name, arguments: args }, undefined, requestOptions(options))),
    close: async () => {
      if (transport instanceof StreamableHTTPClientTransport) await transport.terminateSession();
      await client.close();
    },
  };
}

async function connectV2(flavour: SdkFlavour, base: string, options: SdkOptions): Promise<SdkClient> {
  const { roots } = options;
  const headers = headersOf(options);
  const [, mode = '', carrier] = flavour.split(' ');
  const versionNegotiation = NEGOTIATION[mode];
  const client = new ClientV2(INFO, {
    capabilities: { ...CAPABILITIES, ...(roots && { roots: {} }) },
    ...(versionNegotiation && { versionNegotiation }),
  });
  client.setRequestHandler('elicitation/create', () => ({ ...ACCEPTED }));
  client.setRequestHandler('sampling/createMessage', () => ({ ...COMPLETION }));
  if (roots) client.setRequestHandler('roots/list', () => ({ roots: [...roots] }));
  const http = new StreamableV2(new URL(`${base}/mcp`), { requestInit: { headers } });
  const transport: TransportV2 = carrier === 'websocket' ? new SdkWebSocket(`${base}/ws`, headers) : http;
  await client.connect(transport);
  return {
    serverName: client.getServerVersion()?.name,
    era: client.getProtocolEra(),
    listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
    callTool: async (name, args, options = {}) =>
      firstText(await client.callTool({ name, arguments: args }, requestOptions(options))),
    close: async () => {
      if (transport === http) await http.terminateSession();
      await client.close();
    },
  };
}

/** Connects the client of a flavour to a server's base address (`…/servers/name`). */
export function connectSdk(flavour: SdkFlavour, base: string, options: SdkOptions = {}): Promise<SdkClient> {
  return flavour.startsWith('v1') ? connectV1(flavour, base, options) : connectV2(flavour, base, options);
}
