/** The agreement of a person to what an agent wants to start. */
import { createHash } from 'node:crypto';
import { type InputRequiredResult, inputRequired, type ServerContext } from '@modelcontextprotocol/server';
import type { OwnSeal } from '../auth/own-seal.ts';
import { BerthError } from '../errors.ts';
import type { CallPrincipal } from '../servers/server-calls.ts';
import { type RoundState, RoundStates } from './round-states.ts';

export type Policy = 'ask' | 'allow' | 'deny';

const KEY = 'agreement';

export class Confirmation {
  readonly #policy: Policy;
  readonly states: RoundStates;

  constructor(policy: Policy, seal: OwnSeal) {
    this.#policy = policy;
    this.states = new RoundStates(seal);
  }

  /**
   * Undefined when it may be done; else the question to the person. Throws `not-allowed` when the policy or the person says no,
   * or when nobody can be asked.
   */
  async ask(
    what: unknown,
    message: string,
    { caller, context }: { readonly caller: CallPrincipal; readonly context: ServerContext },
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
      requestState: this.states.mint({ asked: digest }, caller),
    });
  }
}
