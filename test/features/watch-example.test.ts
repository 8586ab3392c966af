/** The example that watches servers and tells when one no longer runs: `examples/watch/watch.mjs`. */
import { afterEach, expect, it } from 'vitest';
import { BerthError } from '../../src/errors.ts';
import { parseServerSpec } from '../../src/servers/server-spec.ts';
import { BASE, createApiClient } from '../api/client.ts';
import { eventually } from '../support/local-process.ts';

interface WatchOptions {
  readonly url: string;
  readonly key?: string;
  readonly tell: (line: string) => void;
  readonly signal: AbortSignal;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly againMs: number;
}

const EXAMPLE = new URL('../../examples/watch/watch.mjs', import.meta.url).href;
const { watch } = (await import(EXAMPLE)) as { watch(options: WatchOptions): Promise<void> };

const leaving = new AbortController();
afterEach(() => leaving.abort());

it('tells each change once: a server that ends, fails or comes back, and a gateway that does not answer', async () => {
  const { manager, packages, send } = await createApiClient();
  const spec = (name: string) => parseServerSpec({ name, source: { npm: { name } } });
  await manager.run(spec('files'), { wait: true });
  const lines: string[] = [];
  const keys = new Set<string | null>();
  let isAway = false;
  let cut = new AbortController();
  const watching = watch({
    url: 'http://127.0.0.1:8053',
    key: 'a-key',
    tell: (line) => lines.push(line),
    signal: leaving.signal,
    againMs: 1,
    fetch: async (url, { headers }) => {
      keys.add(new Headers(headers).get('authorization'));
      if (isAway) throw new TypeError('fetch failed');
      const path = url.replace(`http://127.0.0.1:8053${new URL(BASE).pathname}`, '');
      const response = await send('GET', path, { headers: headers as Record<string, string> });
      // As the real one does: an abort breaks the body off.
      const body = response.body?.pipeThrough(new TransformStream(), { signal: cut.signal }) ?? null;
      return new Response(body, response);
    },
  });
  const told = (line: string | RegExp) =>
    eventually(`${line}`, () =>
      lines.some((one) => (typeof line === 'string' ? one === line : line.test(one))),
    );

  await manager.stop('files');
  await told(/^files is stopped: files is stopped/);
  await manager.start('files', { wait: true });
  await told('files runs again');

  packages.failure = new BerthError('install-failed', 'the disk is full', { hint: 'Make room.' });
  await manager.run(spec('bad'), { wait: true }).catch(() => undefined);
  await told('bad is failed: the disk is full (Make room.)');
  await manager.remove('bad');

  isAway = true;
  cut.abort();
  await told('the gateway does not answer: fetch failed');
  cut = new AbortController();
  isAway = false;
  await told('the gateway answers again');
  expect(lines).toHaveLength(5);
  expect([...keys]).toEqual(['Bearer a-key']);
  leaving.abort();
  cut.abort();
  await watching;
});
