/** The agreement of a person to what an agent wants to start. */
import { createHash, randomBytes } from 'node:crypto';
import {
  createRequestStateCodec,
  type InputRequiredResult,
  inputRequired,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { BerthError } from '../errors.ts';

export type Policy = 'ask' | 'allow' | 'deny';

/** What is sealed into `requestState` between the rounds of a call. */
export interface RoundState {
  /** Digest of what the person was asked about. */
  readonly asked?: string;
  /** The state of the server that is called. */
  readonly inner?: string;
}

const KEY = 'agreement';
const KEY_BYTES = 32;

export class Confirmation {
  readonly #policy: Policy;
  /** A state is good for the gateway that made it; a call that comes to another one is asked anew. */
  readonly states = createRequestStateCodec<RoundState>({ key: randomBytes(KEY_BYTES) });

  constructor(policy: Policy) {
    this.#policy = policy;
  }

  /**
   * Undefined when it may be done; else the question to the person. Throws `not-allowed` when the policy or the person says no,
   * or when nobody can be asked.
   */
  async ask(
    what: unknown,
    message: string,
    context: ServerContext,
  ): Promise<InputRequiredResult | undefined> {
    if (this.#policy === 'allow') return undefined;
    if (this.#policy === 'deny')
      throw new BerthError('not-allowed', 'only servers of the catalogue may be started here', {
        hint: 'Search the catalogue, or ask the operator: the setting control.packages decides it.',
      });
    const digest = createHash('sha256').update(JSON.stringify(what)).digest('base64url');
    const reply = context.mcpReq.inputResponses?.[KEY] as
      | { action?: string; content?: { run?: unknown } }
      | undefined;
    const state = context.mcpReq.requestState<RoundState>();
    if (reply !== undefined && state?.asked === digest) {
      if (reply.action === 'accept' && reply.content?.run === true) return undefined;
      throw new BerthError('not-allowed', 'the person did not agree', {
        hint: 'Ask them what to do instead.',
      });
    }
    const requestedSchema = {
      type: 'object' as const,
      properties: { run: { type: 'boolean' as const, title: 'Run it', default: false } },
      required: ['run'],
    };
    return inputRequired({
      inputRequests: { [KEY]: inputRequired.elicit({ message, requestedSchema }) },
      requestState: await this.states.mint({ asked: digest }),
    });
  }
}
