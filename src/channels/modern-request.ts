/** A request of revision 2026-07-28 over HTTP: what of its body is repeated in headers. */
import { encodeHeaderValue } from '../jsonrpc/header-value.ts';
import type { HeaderAnnotation } from './header-annotations.ts';
import { isObject, type JsonObject, numberText, parseExact } from './json-exact.ts';
import type { Outgoing } from './outbox.ts';
import type { ToolHeaders } from './tool-headers.ts';

const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion';
/** Which parameter is the name of what a method is about. */
const NAME_OF: ReadonlyMap<string, string> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
  ['tasks/get', 'taskId'],
  ['tasks/update', 'taskId'],
  ['tasks/cancel', 'taskId'],
]);

/** The headers that a modern message needs besides those of every POST. */
export function modernHeaders({ bytes, envelope }: Outgoing, tools: ToolHeaders): Record<string, string> {
  const params = readParams(bytes, envelope.paramsStart, envelope.paramsEnd);
  const meta = isObject(params._meta) ? params._meta : {};
  const headers: Record<string, string> = { 'mcp-method': encodeHeaderValue(envelope.method) };
  const version = meta[VERSION_KEY];
  if (typeof version === 'string') headers['mcp-protocol-version'] = encodeHeaderValue(version);
  const name = params[NAME_OF.get(envelope.method) ?? ''];
  if (typeof name === 'string') headers['mcp-name'] = encodeHeaderValue(name);
  if (envelope.method === 'tools/call' && typeof name === 'string')
    Object.assign(headers, paramHeaders(tools.annotationsOf(name), params.arguments));
  return headers;
}

/** The `_meta` of a message as JSON text, for a request of our own in the same name: nobody waits for its progress. */
export function metaOf({ bytes, envelope }: Outgoing): string {
  const { _meta } = readParams(bytes, envelope.paramsStart, envelope.paramsEnd);
  const { progressToken: _, ...meta } = isObject(_meta) ? _meta : {};
  return JSON.stringify(meta);
}

function paramHeaders(annotations: readonly HeaderAnnotation[], args: unknown): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const { path, name } of annotations) {
    const text = textOf(path.reduce((node, key) => (isObject(node) ? node[key] : undefined), args));
    if (text !== undefined) headers[`mcp-param-${name.toLowerCase()}`] = encodeHeaderValue(text);
  }
  return headers;
}

/** Nothing is sent for what is absent, null, or of another type than a header can have. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'boolean' ? String(value) : numberText(value);
}

function readParams(bytes: Buffer, start: number, end: number): JsonObject {
  if (start < 0) return {};
  const params = parseExact(bytes.toString('utf8', start, end));
  return isObject(params) ? params : {};
}
