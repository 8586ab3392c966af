/** `fetch` that an API of this process answers, for the client library. */
import { LOCAL_PRINCIPAL } from '../../src/auth/principal.ts';
import type { TestApi } from '../api/client.ts';

export function fetchOf({ api }: Pick<TestApi, 'api'>): typeof fetch {
  return async (input, init) => {
    // As the real one does: an abort is a failure, and breaks the body off.
    init?.signal?.throwIfAborted();
    const response = await api.fetch(new Request(input, init), { principal: LOCAL_PRINCIPAL });
    if (!init?.signal || !response.body) return response;
    const body = response.body.pipeThrough(new TransformStream(), { signal: init.signal });
    return new Response(body, response);
  };
}
