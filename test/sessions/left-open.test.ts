/** A process that has exited while something that it left behind holds its output open. */
import { expect, it } from 'vitest';
import { createMemoryChannel } from '../../src/channels/memory.ts';
import type { BerthError } from '../../src/errors.ts';
import { Upstream } from '../../src/sessions/upstream.ts';
import type { ProcessExit, ServerProcess } from '../../src/supervisor/server-process.ts';
import { message, request } from './harness.ts';

function leftOpen(): { upstream: Upstream; exit: () => void; say: (text: string) => void } {
  const { channel, server } = createMemoryChannel();
  const exited = Promise.withResolvers<ProcessExit>();
  const how = { code: 3, signal: null };
  const process: ServerProcess = {
    pid: 4_000_000,
    channel,
    startedAt: 0,
    stderrTail: () => ['bye'],
    exit: how,
    exited: exited.promise,
    stop: () => Promise.resolve(how),
  };
  const upstream = new Upstream(Promise.resolve(process), () => []);
  return { upstream, exit: () => exited.resolve(how), say: (text) => server.send(text) };
}

function call(upstream: Upstream): Promise<BerthError | string> {
  return new Promise((resolve) => {
    upstream.call(message(request('1')), {
      rawToken: undefined,
      answered: (line) => resolve(line.toString()),
      progressed() {},
      failed: resolve,
    });
  });
}

it('fails its calls with how it exited', async () => {
  const { upstream, exit } = leftOpen();
  const outcome = call(upstream);
  exit();
  expect(await outcome).toMatchObject({
    code: 'process-exited',
    details: { exitCode: 3, stderr: ['bye'] },
  });
});

it('still gets the answer that was under way', async () => {
  const { upstream, exit, say } = leftOpen();
  const outcome = call(upstream);
  exit();
  await new Promise((resolve) => setImmediate(resolve));
  say('{"jsonrpc":"2.0","id":1,"result":{}}');
  expect(await outcome).toBe('{"jsonrpc":"2.0","id":1,"result":{}}');
  await upstream.stop();
});
