/** Calls over HTTPS of whoever trusts one authority and asks for one name, wherever that leads to. */
import { type Agent, request } from 'node:https';

export interface HttpsTarget {
  readonly host: string;
  readonly port: number;
  /** That the certificate must be for, and that stands in the Host header. */
  readonly name: string;
  /** PEM. */
  readonly ca: string;
  readonly key: string;
  /** Keeps a connection from one call to the next; without one each call has its own. */
  readonly agent?: Agent;
}

export interface HttpsAnswer {
  readonly status: number;
  readonly session: string | undefined;
  readonly text: string;
}

/** POSTs a message to an MCP endpoint. Rejects with the error of TLS when the other side is not to be trusted. */
export function postHttps(
  { name, key, ca, agent, ...address }: HttpsTarget,
  path: string,
  { message, session }: { readonly message: object; readonly session?: string | undefined },
): Promise<HttpsAnswer> {
  return new Promise((resolve, reject) => {
    const headers = {
      host: name,
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(session !== undefined && { 'mcp-session-id': session }),
    };
    const options = {
      ...address,
      path,
      method: 'POST',
      servername: name,
      ca,
      agent: agent ?? false,
      headers,
    };
    const sent = request(options, async (answer) => {
      try {
        let text = '';
        for await (const chunk of answer) text += chunk;
        const given = answer.headers['mcp-session-id'];
        resolve({
          status: answer.statusCode ?? 0,
          session: typeof given === 'string' ? given : undefined,
          text,
        });
      } catch (error) {
        reject(error);
      }
    });
    sent.on('error', reject);
    sent.end(JSON.stringify({ jsonrpc: '2.0', ...message }));
  });
}
