import { expect, it } from 'vitest';
import { within } from '../../src/servers/within.ts';

const LIMIT = { seconds: 0.01, name: 'time', ask: 'GET /servers/time tells how it fares' };

/** Ends when it is called off, with whatever that says. */
const forever = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

it('calls off a wait whose time is over, and says that the start goes on', async () => {
  await expect(within(LIMIT, forever)).rejects.toMatchObject({
    code: 'request-timeout',
    message: 'time did not become ready within 0.01 seconds',
    hint: 'The start goes on: GET /servers/time tells how it fares.',
  });
});

it('gives what came in time, and what went wrong', async () => {
  expect(await within({ ...LIMIT, seconds: 60 }, async () => 'ready')).toBe('ready');
  const wrong = new Error('wrong');
  await expect(within({ ...LIMIT, seconds: 60 }, () => Promise.reject(wrong))).rejects.toBe(wrong);
});

it('is called off by its caller, whose reason counts', async () => {
  const gone = new Error('the client is gone');
  const signal = AbortSignal.abort(gone);
  await expect(within({ ...LIMIT, seconds: 60, signal }, async (stop) => stop.throwIfAborted())).rejects.toBe(
    gone,
  );
});
