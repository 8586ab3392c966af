/** What uv says of an index: whether it was silent, and whether to ask again. */
import { describe, expect, it } from 'vitest';
import { runWithPatience, silentIndex, uvPatience } from '../../src/packages/uv-run.ts';

const INDEX = new URL('http://127.0.0.1:1/simple/');
const failed = (...stderr: string[]) => ({ code: 2, stdout: '', stderr });
const DONE = { code: 0, stdout: 'done', stderr: [] };

describe('a failure', () => {
  it.each([
    [
      [
        'error: Failed to fetch: `http://127.0.0.1:9/simple/x/`',
        '  cause: error sending request for url (http://127.0.0.1:9/simple/x/)',
        '  cause: operation timed out',
      ],
      '127.0.0.1:9',
    ],
    [['error: Failed to fetch: `https://***@index.example.com/simple/x/`', 'timed out'], 'index.example.com'],
    [['error: request timed out'], '127.0.0.1:1'],
    [['error: Failed to fetch: `http://127.0.0.1:9/x`', 'cause: connection reset by peer'], undefined],
    [['error: no solution found'], undefined],
  ])('of %j names %s', (stderr, host) => {
    expect(silentIndex(failed(...stderr), INDEX)).toBe(host);
  });

  async function runs(...results: (typeof DONE)[]): Promise<{ count: number; code: number | null }> {
    let count = 0;
    const run = async () => results[count++] ?? DONE;
    const { code } = await runWithPatience(run, undefined);
    return { count, code };
  }

  it('that may pass is tried again, three times in all', async () => {
    const reset = failed('cause: connection reset by peer') as unknown as typeof DONE;
    expect(await runs(reset, DONE)).toEqual({ count: 2, code: 0 });
    expect(await runs(reset, reset, reset, DONE)).toEqual({ count: 3, code: 2 });
  });

  it.each([['operation timed out'], ['no solution found'], ['hash mismatch']])(
    'of "%s" is not',
    async (text) => {
      expect(await runs(failed(text) as unknown as typeof DONE, DONE)).toEqual({ count: 1, code: 2 });
    },
  );

  it('is not waited for by somebody who has left', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(runWithPatience(async () => failed('HTTP 503'), signal)).rejects.toThrow();
  });
});

it('counts in whole seconds, one at least', () => {
  expect(uvPatience(6_000)).toMatchObject({ UV_HTTP_TIMEOUT: '6', UV_HTTP_RETRIES: '0' });
  expect(uvPatience(300)).toMatchObject({ UV_HTTP_TIMEOUT: '1' });
});
