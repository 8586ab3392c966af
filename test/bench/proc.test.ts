import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { descendants, queuedInKernel, residentKib, writtenBytes } from '../../bench/proc.ts';

const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0)) close();
});

test('what a client does not read is found in the kernel queues, the rest with the writer', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const accepted = once(server, 'connection');
  const client = connect(port, '127.0.0.1');
  await once(client, 'connect');
  client.pause();
  const [socket] = (await accepted) as [Socket];
  closers.push(
    () => client.destroy(),
    () => socket.destroy(),
    () => server.close(),
  );
  const total = 32 * 2 ** 20;
  socket.write(Buffer.alloc(total));
  const seen = (): number => queuedInKernel(port, [client.localPort ?? 0]) + socket.writableLength;
  // writableLength falls only when the whole buffer is out, so the sum is at least what was written.
  await expect.poll(seen, { timeout: 20_000 }).toBeGreaterThanOrEqual(total);
  expect(queuedInKernel(port, [client.localPort ?? 0])).toBeGreaterThan(0);
});

test('children, their memory and what they wrote are read from the kernel', async () => {
  const program = "process.stdout.write('x'.repeat(100000)); setInterval(() => {}, 1000);";
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'ignore'] });
  closers.push(() => child.kill('SIGKILL'));
  child.stdout.resume();
  const pid = child.pid ?? 0;
  await expect.poll(() => writtenBytes(pid), { timeout: 20_000 }).toBeGreaterThanOrEqual(100_000);
  expect(descendants(process.pid)).toContain(pid);
  expect(residentKib(pid)).toBeGreaterThan(1000);
});

test('a process that has gone has no memory and no children', () => {
  const gone = 2 ** 22 + 1;
  expect(residentKib(gone)).toBeUndefined();
  expect(descendants(gone)).toEqual([]);
});
