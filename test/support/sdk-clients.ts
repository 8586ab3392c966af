/** The official SDKs' clients, made to look alike: version 1 over all three transports, version 2 over Streamable HTTP. */
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as StreamableV2,
} from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { WebSocketClientTransport } from '@modelcontextprotocol/sdk/client/websocket.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';

export const SDK_CLIENTS = [
  'v1 streamable-http',
  'v1 sse',
  'v1 websocket',
  'v2 legacy',
  'v2 auto',
  'v2 modern',
] as const;
export type SdkFlavour = (typeof SDK_CLIENTS)[number];

export interface SdkClient {
  readonly serverName: string | undefined;
  /** Names of the tools. */
  listTools(): Promise<string[]>;
  /** The first text of the result; progress values go to `progress`. */
  callTool(name: string, args: Record<string, unknown>, progress?: (value: number) => void): Promise<string>;
  close(): Promise<void>;
}

const INFO = { name: 'berth-test', version: '1.0.0' };
const CAPABILITIES = { elicitation: {}, sampling: {} };
/** What these clients answer when they are asked for input. */
export const ELICITED = { username: 'ada', email: 'ada@example.com' };

function firstText(result: Record<string, unknown>): string {
  const content = result.content as { type: string; text?: string }[] | undefined;
  const text = content?.find(({ type }) => type === 'text')?.text;
  if (text === undefined) throw new Error(`no text in ${JSON.stringify(result).slice(0, 500)}`);
  return text;
}

function transportV1(flavour: SdkFlavour, base: string): Transport {
  if (flavour === 'v1 sse') return new SSEClientTransport(new URL(`${base}/sse`)) as Transport;
  if (flavour === 'v1 websocket') {
    return new WebSocketClientTransport(new URL(`${base.replace(/^http/, 'ws')}/ws`)) as Transport;
  }
  return new StreamableHTTPClientTransport(new URL(`${base}/mcp`)) as Transport;
}

async function connectV1(flavour: SdkFlavour, base: string): Promise<SdkClient> {
  const client = new Client(INFO, { capabilities: CAPABILITIES });
  client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept' as const, content: ELICITED }));
  const transport = transportV1(flavour, base);
  await client.connect(transport);
  return {
    serverName: client.getServerVersion()?.name,
    listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
    callTool: async (name, args, progress) => {
      const options =
        progress === undefined ? {} : { onprogress: (step: { progress: number }) => progress(step.progress) };
      return firstText(await client.callTool({ name, arguments: args }, undefined, options));
    },
    close: async () => {
      if (transport instanceof StreamableHTTPClientTransport) await transport.terminateSession();
      await client.close();
    },
  };
}

/** How version 2 finds a revision; it is a legacy client unless it is told. */
const NEGOTIATION: Partial<Record<SdkFlavour, 'auto' | { pin: string }>> = {
  'v2 auto': 'auto',
  'v2 modern': { pin: '2026-07-28' },
};

async function connectV2(flavour: SdkFlavour, base: string): Promise<SdkClient> {
  const mode = NEGOTIATION[flavour];
  const options = mode === undefined ? {} : { versionNegotiation: { mode } };
  const client = new ClientV2(INFO, { capabilities: CAPABILITIES, ...options });
  client.setRequestHandler('elicitation/create', () => ({ action: 'accept' as const, content: ELICITED }));
  const transport = new StreamableV2(new URL(`${base}/mcp`));
  await client.connect(transport);
  return {
    serverName: client.getServerVersion()?.name,
    listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
    callTool: async (name, args, progress) => {
      const options =
        progress === undefined ? {} : { onprogress: (step: { progress: number }) => progress(step.progress) };
      return firstText(await client.callTool({ name, arguments: args }, options));
    },
    close: async () => {
      await transport.terminateSession();
      await client.close();
    },
  };
}

/** Connects the client of a flavour to a server's base address (`…/servers/name`). */
export function connectSdk(flavour: SdkFlavour, base: string): Promise<SdkClient> {
  return flavour.startsWith('v1') ? connectV1(flavour, base) : connectV2(flavour, base);
}
