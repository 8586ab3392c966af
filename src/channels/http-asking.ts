/** Requests of the channel's own, whose answers nobody else gets to see. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { remoteFailure } from './http-failure.ts';
import type { HttpTraffic, Refusal } from './http-traffic.ts';
import type { Inbound, InboundMessage } from './inbound.ts';
import { isAnswer, keyOf, type Outgoing } from './outbox.ts';
import { bodyKind } from './response-body.ts';

export interface Answered {
  readonly headers: IncomingHttpHeaders;
  readonly answer: InboundMessage;
}

export interface Asker {
  readonly traffic: HttpTraffic;
  readonly inbound: Inbound;
  /** Gets everything else that the server says on the same stream. */
  readonly other: (message: InboundMessage) => void;
}

const ASK_MS = 60_000;

/** Sends a request with the given headers and waits for its answer, at most a minute. Rejects with `remote-failed`. */
export async function ask(
  asker: Asker,
  message: Outgoing,
  headers: Readonly<Record<string, string>>,
): Promise<Answered | Refusal> {
  const request = asker.traffic.request({ method: 'POST', headers, body: message.bytes });
  const late = asker.traffic.after(ASK_MS, request.abort);
  try {
    const response = await request.response;
    const refusal = await asker.traffic.refusal(response);
    if (refusal) return refusal;
    const answer = await readAnswer(asker, response, keyOf(message));
    if (answer) return { headers: response.headers, answer };
  } finally {
    late();
    request.abort();
  }
  throw remoteFailure(
    'the remote server gave no answer',
    'Look at the state of the remote server, and try again.',
  );
}

async function readAnswer(
  { traffic, inbound, other }: Asker,
  response: IncomingMessage,
  key: string,
): Promise<InboundMessage | undefined> {
  if (bodyKind(response) === 'other') return undefined;
  const found = Promise.withResolvers<InboundMessage>();
  const body = traffic.read(response, {
    message: (text) => {
      const said = inbound.read(text);
      if (said && isAnswer(said) && keyOf(said) === key) found.resolve(said);
      else if (said) other(said);
    },
    oversized: () => response.destroy(),
  });
  return await Promise.race([found.promise, body.ended.then(() => undefined)]);
}
