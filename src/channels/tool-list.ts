/** The tools of a server, asked for by the channel itself: a call has shown that what is known of them is out of date. */
import { scanMessage } from '../jsonrpc/envelope.ts';
import { type Asker, ask } from './http-asking.ts';
import { isObject } from './json-exact.ts';
import { metaOf, modernHeaders } from './modern-request.ts';
import type { Outgoing } from './outbox.ts';
import type { ToolHeaders } from './tool-headers.ts';

export interface ToolListOptions {
  readonly asker: Asker;
  /** Learns them. */
  readonly tools: ToolHeaders;
  /** Of every POST. */
  readonly headers: Readonly<Record<string, string>>;
}

const MOST_PAGES = 100;
const ID = '"berth-tools"';

/** Lists all tools in the name of `call`. Stops where the server does not answer; rejects when it cannot be reached. */
export async function listTools({ asker, tools, headers }: ToolListOptions, call: Outgoing): Promise<void> {
  const meta = metaOf(call);
  let cursor: unknown;
  for (let page = 0; page < MOST_PAGES; page++) {
    const message = listRequest(meta, cursor);
    const asked = await ask(asker, message, { ...modernHeaders(message, tools), ...headers });
    if ('error' in asked) return;
    tools.learn(asked.answer);
    const { bytes, envelope } = asked.answer;
    if (envelope.kind !== 'result') return;
    const result: unknown = JSON.parse(bytes.toString('utf8', envelope.resultStart, envelope.resultEnd));
    cursor = isObject(result) ? result.nextCursor : undefined;
    if (typeof cursor !== 'string') return;
  }
}

function listRequest(meta: string, cursor: unknown): Outgoing {
  const next = typeof cursor === 'string' ? `"cursor":${JSON.stringify(cursor)},` : '';
  const bytes = Buffer.from(
    `{"jsonrpc":"2.0","id":${ID},"method":"tools/list","params":{${next}"_meta":${meta}}}`,
  );
  const { envelope } = scanMessage(bytes);
  if (!envelope) throw new TypeError('not a message');
  return { bytes, envelope };
}
