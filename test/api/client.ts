/** A client of an API over doubles, whose every answer is held against the document. */
import { type ApiInput, createApi } from '../../src/api/app.ts';
import type { ApiBindings } from '../../src/api/request-checks.ts';
import { createPrincipal } from '../../src/auth/principal.ts';
import { GroupLists } from '../../src/groups/group-lists.ts';
import { Groups } from '../../src/groups/groups.ts';
import { SqliteGroupStore } from '../../src/store/group-store.ts';
import { createInspector } from '../inspection/doubles.ts';
import { createFixture } from '../servers/doubles.ts';
import { type Json, underContract } from './contract.ts';

export const BASE = 'http://127.0.0.1/api/v1';

export interface Sent {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Who calls, `use` with that scope only; `local` unless given. */
  readonly as?: string;
  readonly signal?: AbortSignal;
}

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json;
}

export async function createApiClient(more: Partial<ApiInput> = {}) {
  const fixture = await createFixture();
  const { inspector } = createInspector(fixture);
  const groups = {
    groups: new Groups(new SqliteGroupStore(':memory:')),
    lists: new GroupLists(fixture.calls),
    stateOf: (server: string) => fixture.manager.find(server)?.state,
    publicUrl: () => 'http://127.0.0.1:8053',
  };
  const stop = new AbortController();
  const faults: string[] = [];
  const api = underContract(
    createApi({
      ...fixture,
      inspector,
      groups,
      ...more,
      signal: stop.signal,
      report: (error) => faults.push(`${error.code}: ${error.message} ${String(error.cause ?? '')}`),
      installation: {
        version: '1.2.3',
        runtime: 'local',
        startedAt: Date.UTC(2026, 10, 26),
        ready: () => true,
        check: async () => [{ name: 'store', state: 'ok', seenAt: Date.now() }],
      },
    }),
  );
  const send = async (method: string, path: string, sent: Sent = {}): Promise<Response> => {
    const { body, headers, as = 'local', signal } = sent;
    const bindings: ApiBindings = { principal: createPrincipal(as, as === 'use' ? 'use' : 'manage') };
    return await api.request(
      path.startsWith('/v0.1') ? `http://127.0.0.1${path}` : `${BASE}${path}`,
      {
        method,
        headers: {
          ...(body === undefined ? { 'X-Berth-Request': '1' } : { 'Content-Type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
        ...(signal && { signal }),
      },
      bindings,
    );
  };
  const json = async (method: string, path: string, sent: Sent = {}): Promise<Answered> => {
    const response = await send(method, path, sent);
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? {} : (JSON.parse(text) as Json),
    };
  };
  /** A server that runs. */
  const run = async (name: string, more: object = {}): Promise<Answered> =>
    await json('POST', '/servers?wait=ready', { body: { name, template: 'time', ...more } });
  return { ...fixture, api, send, json, run, stop, faults };
}

export type TestApi = Awaited<ReturnType<typeof createApiClient>>;
