/** A request on its way to a server, and what its head says. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { BerthError } from '../errors.ts';
import type { Caller, ServedServer } from './context.ts';
import type { LongStream, LongStreams } from './long-streams.ts';

export interface HttpRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly server: ServedServer;
  readonly principal: Caller;
  readonly streams: LongStreams;
}

/** The response is an event stream that stays open, until a gateway that goes away ends it. */
export function keepOpen({ response, streams }: HttpRequest, stream: LongStream): void {
  response.once('close', streams.add(stream));
}

/** A 405 that says what is allowed. */
export function notAllowed(response: ServerResponse, allow: string): BerthError {
  response.setHeader('Allow', allow);
  return new BerthError('method-not-allowed', `only ${allow} are allowed here`);
}

/** `Content-Type: application/json`, with or without parameters. */
export function isJson(contentType: string | undefined): boolean {
  if (contentType === 'application/json') return true;
  return contentType?.split(';', 1)[0]?.trim().toLowerCase() === 'application/json';
}

/** Whether the client takes that media type. */
export function accepts(request: IncomingMessage, type: string): boolean {
  const accept = request.headers.accept;
  return accept !== undefined && (accept.includes(type) || accept.includes('*/*'));
}

/** The `MCP-Protocol-Version` header. */
export function versionOf(request: IncomingMessage): string | undefined {
  const version = request.headers['mcp-protocol-version'];
  return typeof version === 'string' ? version : undefined;
}
