/** A failure of an MCP endpoint before a server of ours sees the request. */
import { type BerthError, errorData } from '../errors.ts';

export function refusal(error: BerthError): Response {
  const { rpc: code, message, status } = error;
  const body = { jsonrpc: '2.0', id: null, error: { code, message, data: errorData(error) } };
  return Response.json(body, { status });
}
