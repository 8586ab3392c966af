/** Lists of any length, read page by page. */

import type { Selection } from './api-call.ts';
import type { ApiClient, Page } from './api-client.ts';
import { isExpired } from './api-status.ts';
import type { KubeObject, Resource } from './resources.ts';

/** Objects of one page. */
export const PAGE = 500;

export type Lister = Pick<ApiClient, 'list'>;

/** Everything that is selected, as of one moment. Rejects like {@link ApiClient.list}. */
export async function listAll<T extends KubeObject>(
  client: Lister,
  kind: Resource,
  { signal, ...selection }: Selection & { readonly signal: AbortSignal },
): Promise<{ items: readonly T[]; resourceVersion: string }> {
  const items: T[] = [];
  let page: Page<T> | undefined;
  do {
    try {
      const from = { ...selection, limit: PAGE, continue: page?.continue };
      page = await client.list<T>(kind, from, signal);
      items.push(...page.items);
    } catch (error) {
      // The moment that the pages belong to is too long ago: in one piece it cannot be.
      if (page === undefined || !isExpired(error)) throw error;
      return client.list<T>(kind, selection, signal);
    }
  } while (page.continue !== undefined);
  return { items, resourceVersion: page.resourceVersion };
}
