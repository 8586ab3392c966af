/** Requests of one server that wait for a client's answer, under the ids that clients see. */
import { idKey } from '../jsonrpc/id.ts';
import type { UpstreamMember } from './upstream.ts';

/** Requests that may wait at one time, and the bytes of their messages: a server is not to fill memory with questions. */
const MOST_OPEN = 1_024;
const MOST_OPEN_BYTES = 32 * 1024 * 1024;

export interface OpenRequest {
  /** The server's own id and progress token, raw. */
  readonly rawId: string;
  readonly rawToken: string | undefined;
  /** Who was asked. */
  readonly member: UpstreamMember;
  readonly bytes: number;
}

export class ServerRequests {
  readonly #open = new Map<number, OpenRequest>();
  readonly #ids = new Map<string, number>();
  #bytes = 0;

  /** No further request is taken just now. */
  get full(): boolean {
    return this.#open.size >= MOST_OPEN || this.#bytes >= MOST_OPEN_BYTES;
  }

  /** `id` is the one that the client sees. */
  add(id: number, request: OpenRequest): void {
    this.#open.set(id, request);
    this.#ids.set(idKey(request.rawId), id);
    this.#bytes += request.bytes;
  }

  get(id: number): OpenRequest | undefined {
    return this.#open.get(id);
  }

  /** The client's id of a request, by the server's own. */
  idOf(rawId: string): number | undefined {
    return this.#ids.get(idKey(rawId));
  }

  /** The request is over. */
  close(id: number): void {
    const request = this.#open.get(id);
    if (!request) return;
    this.#open.delete(id);
    this.#bytes -= request.bytes;
    const key = idKey(request.rawId);
    // The same id may have been used again meanwhile.
    if (this.#ids.get(key) === id) this.#ids.delete(key);
  }

  /** Takes out all that `member` was asked. */
  closeAllOf(member: UpstreamMember): OpenRequest[] {
    const closed = [...this.#open].filter(([, request]) => request.member === member);
    for (const [id] of closed) this.close(id);
    return closed.map(([, request]) => request);
  }

  clear(): void {
    this.#open.clear();
    this.#ids.clear();
    this.#bytes = 0;
  }
}
