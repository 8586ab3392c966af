/** Arguments of a tool call with every digit that was sent: what an agent hands on to a server must arrive as it was. */
import { parseExact } from '../exact-json.ts';

const TOOL = 'call_server_tool';

interface Call {
  readonly method?: unknown;
  readonly params?: {
    readonly name?: unknown;
    readonly arguments?: { readonly arguments?: unknown; readonly [name: string]: unknown };
  };
}

/**
 * The body of a request that calls a tool of a server, read so that numbers among the tool's arguments keep their digits; everything
 * else of it is plain. Undefined for any other request, which is read by whoever answers it.
 */
export async function exactCallOf(request: Request): Promise<unknown> {
  if (request.method !== 'POST') return undefined;
  const text = await request.clone().text();
  if (!text.includes(TOOL)) return undefined;
  try {
    const plain = JSON.parse(text) as Call;
    if (plain?.method !== 'tools/call' || plain.params?.name !== TOOL) return undefined;
    const exact = parseExact(text) as Call;
    const inner = exact.params?.arguments?.arguments;
    if (inner === undefined) return undefined;
    const { params } = plain;
    return { ...plain, params: { ...params, arguments: { ...params.arguments, arguments: inner } } };
  } catch {
    // What is no JSON is refused where all requests are.
    return undefined;
  }
}
