/** What a server offers, whole: every list that its capabilities promise, page by page. */
import type { Json, ProbeConversation } from './probe-conversation.ts';

/** Each list as the server gave it; absent where it promises none or did not give it. */
export interface Offers {
  readonly tools?: readonly Json[];
  readonly prompts?: readonly Json[];
  readonly resources?: readonly Json[];
  readonly resourceTemplates?: readonly Json[];
}

const LISTS = [
  { name: 'tools', capability: 'tools', method: 'tools/list' },
  { name: 'prompts', capability: 'prompts', method: 'prompts/list' },
  { name: 'resources', capability: 'resources', method: 'resources/list' },
  { name: 'resourceTemplates', capability: 'resources', method: 'resources/templates/list' },
] as const satisfies readonly { name: keyof Offers; capability: string; method: string }[];

/** One after the other, as some servers answer in order only. `params`: what every request of the era has. */
export async function listOffers(
  conversation: ProbeConversation,
  capabilities: Json,
  params: Json,
): Promise<Offers> {
  const offers: Record<string, readonly Json[]> = {};
  for (const { name, capability, method } of LISTS) {
    if (!(capability in capabilities)) continue;
    const entries = await conversation.list(method, name, params);
    if (entries) offers[name] = entries;
  }
  return offers;
}
