/** A gateway whose modern calls the test answers, and requests as a modern client sends them. */
import { encodeHeaderValue } from '../../src/jsonrpc/header-value.ts';
import { type OpenResponse, open } from '../support/http-client.ts';
import { requestText } from '../support/mcp-client.ts';
import { type Front, type FrontOptions, startFront } from './front.ts';
import { ScriptedLink } from './scripted-link.ts';

export const VERSION = '2026-07-28';
export const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion';
export const CAPABILITIES_KEY = 'io.modelcontextprotocol/clientCapabilities';
export const META = { [VERSION_KEY]: VERSION, [CAPABILITIES_KEY]: {} };
export const TYPES = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
};

export interface ModernFront extends Front {
  readonly link: ScriptedLink;
  /** Posts a text with the given headers beside the content types; null takes one away. */
  post(body: string | Buffer, headers?: Readonly<Record<string, string | null>>): Promise<OpenResponse>;
  /** Posts a whole modern request. */
  request(method: string, params?: object, rawId?: string): Promise<OpenResponse>;
}

export async function startModernFront(options: FrontOptions = {}): Promise<ModernFront> {
  let scripted: ScriptedLink | undefined;
  const front = await startFront({
    ...options,
    link: (legacy) => {
      scripted = new ScriptedLink(legacy);
      return scripted;
    },
  });
  if (!scripted) throw new Error('no link was made');
  const post: ModernFront['post'] = (body, headers = {}) => {
    const sent = Object.entries({ ...TYPES, ...headers }).filter(
      (entry): entry is [string, string] => entry[1] !== null,
    );
    return open(`${front.base}/mcp`, { method: 'POST', headers: Object.fromEntries(sent), body });
  };
  return {
    ...front,
    link: scripted,
    post,
    request: (method, params = {}, rawId = '1') =>
      post(modernText(method, params, rawId), headersFor(method, params)),
  };
}

/** The text of a modern request. */
export function modernText(method: string, params: object = {}, rawId = '1'): string {
  return requestText(rawId, method, { _meta: META, ...params });
}

/** The headers that go with it. */
export function headersFor(method: string, params: object = {}): Record<string, string> {
  const { name, uri, taskId } = params as Record<string, unknown>;
  const named = [name, uri, taskId].find((value) => typeof value === 'string');
  return {
    'mcp-protocol-version': VERSION,
    'mcp-method': method,
    ...(typeof named === 'string' && { 'mcp-name': encodeHeaderValue(named) }),
  };
}

export interface Refusal {
  readonly status: number;
  readonly code: number | undefined;
  readonly id: unknown;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever stands there
  readonly data: any;
}

/** Status and error of a response. */
export async function refusalOf(response: OpenResponse): Promise<Refusal> {
  const text = await response.text();
  const { error, id } = (text.startsWith('{') ? JSON.parse(text) : {}) as {
    id?: unknown;
    error?: { code: number; data?: unknown };
  };
  return { status: response.status, code: error?.code, id, data: error?.data };
}
