/** Lists and watches objects without all but their metadata: so little that every kind can be watched all the time. */
import type { IncomingMessage } from 'node:http';
import type { ClusterAccess } from '../../../src/cluster/access.ts';
import { queryOf, type Selection, selectionQuery } from '../../../src/cluster/api-call.ts';
import type { ApiClient, Page } from '../../../src/cluster/api-client.ts';
import { readApiStatus, refusalError } from '../../../src/cluster/api-status.ts';
import { HttpPool, readBody } from '../../../src/cluster/http-pool.ts';
import { type KubeObject, pathOf, type Resource } from '../../../src/cluster/resources.ts';
import { BerthError } from '../../../src/errors.ts';

const MOST_BODY = 64 * 1024 * 1024;
const MOST_REQUESTS = 8;

interface MetadataList {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  /** Null where there are none. */
  readonly items: readonly KubeObject[] | null;
}

export class MetadataClient implements Pick<ApiClient, 'list' | 'watch'> {
  readonly #access: ClusterAccess;
  readonly #lists = new HttpPool(MOST_REQUESTS);
  readonly #watches = new HttpPool();

  constructor(access: ClusterAccess) {
    this.#access = access;
  }

  async list<T extends KubeObject>(
    kind: Resource,
    options: Parameters<ApiClient['list']>[1],
    signal: AbortSignal = new AbortController().signal,
  ): Promise<Page<T>> {
    const answer = await this.#get(this.#lists, kind, { query: selectionQuery(options), signal });
    const body = await readBody(answer, MOST_BODY).catch(unreachable);
    const { metadata, items } = JSON.parse(body) as MetadataList;
    return {
      items: (items ?? []) as readonly T[],
      resourceVersion: metadata.resourceVersion,
      continue: metadata.continue || undefined,
    };
  }

  watch(
    kind: Resource,
    {
      resourceVersion,
      timeoutSeconds,
      ...selection
    }: Selection & { resourceVersion: string; timeoutSeconds: number },
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const watching = { watch: 'true', allowWatchBookmarks: 'true', resourceVersion, timeoutSeconds };
    return this.#get(this.#watches, kind, { query: { ...selectionQuery(selection), ...watching }, signal });
  }

  /** The number of the newest change in the cluster, whatever it was of. */
  async revision(kind: Resource): Promise<number> {
    return Number((await this.list(kind, { limit: 1 })).resourceVersion);
  }

  close(): void {
    this.#lists.close();
    this.#watches.close();
  }

  async #get(
    pool: HttpPool,
    kind: Resource,
    { query, signal }: { readonly query: Parameters<typeof queryOf>[0]; readonly signal: AbortSignal },
  ): Promise<IncomingMessage> {
    const credentials = await this.#access.credentials();
    const as = query.watch ? 'PartialObjectMetadata' : 'PartialObjectMetadataList';
    const headers = {
      ...credentials.headers,
      accept: `application/json;as=${as};g=meta.k8s.io;v=v1`,
      'user-agent': 'berth-test',
    };
    const url = this.#access.baseUrl + pathOf(kind, {}) + queryOf(query);
    const answer = await pool
      .request({ method: 'GET', url, headers, signal }, credentials)
      .catch(unreachable);
    const status = answer.statusCode ?? 0;
    if (status === 200) return answer;
    const body = await readBody(answer, MOST_BODY);
    throw refusalError(`read ${kind.plural}`, readApiStatus({ status, headers: answer.headers, body }));
  }
}

function unreachable(cause: Error): never {
  throw new BerthError('busy', cause.message, { cause });
}
