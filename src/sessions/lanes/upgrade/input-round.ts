/** One round of questions to a client: what it asks, and what was answered. */
import { BerthError } from '../../../errors.ts';
import { type Asked, inputRequests } from './asking.ts';

export class InputRound {
  readonly asked: readonly Asked[];
  /** Identity of the answers, once they came. */
  answers: string | undefined;

  constructor(asked: readonly Asked[]) {
    this.asked = asked;
  }

  get bytes(): number {
    return this.asked.reduce((sum, { params }) => sum + (params?.length ?? 0), this.answers?.length ?? 0);
  }

  asks(key: string): boolean {
    return this.asked.some((asked) => asked.key === key);
  }
}

/** The answer that asks, and where the gateway puts the member `requestState` into it. `serverInfo` is JSON text. */
export function roundAnswer(
  rawId: string,
  asked: readonly Asked[],
  serverInfo: string,
): { readonly parts: readonly Buffer[]; readonly at: number } {
  const head = Buffer.from(`{"jsonrpc":"2.0","id":${rawId},"result":{`);
  const meta = `"_meta":{"io.modelcontextprotocol/serverInfo":${serverInfo}}`;
  const tail = Buffer.from(`"resultType":"input_required",${inputRequests(asked)},${meta}}}`);
  return { parts: [head, tail], at: head.length };
}

/** What a request is refused with that cannot go on with the call it names. */
export function invalidRound(text: string): BerthError {
  return new BerthError('invalid-params', `the call cannot go on with this request: ${text}`, {
    hint: 'Make the call again without requestState.',
  });
}
