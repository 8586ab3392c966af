import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectUnixSocket, listenUnixSocket } from '../../src/link/unix-socket.ts';

describe('a unix socket', () => {
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'berth-socket-'));
    path = join(folder, 'socket');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('can be reached by its owner only', async () => {
    const mask = process.umask(0o022);
    const server = await listenUnixSocket(path, (stream) => stream.destroy());
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(process.umask(mask)).toBe(0o022);
    server.close();
  });

  it('carries bytes both ways', async () => {
    const server = await listenUnixSocket(path, (stream) => stream.pipe(stream));
    const stream = await connectUnixSocket(path);
    stream.end('there and back');
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString()).toBe('there and back');
    server.close();
  });

  it('goes on when a connection cannot be accepted', async () => {
    const server = await listenUnixSocket(path, (stream) => stream.destroy());
    server.emit('error', new Error('accept EMFILE'));
    await expect(connectUnixSocket(path)).resolves.toBeDefined();
    server.close();
  });

  it('is not taken from a program that listens', async () => {
    const server = await listenUnixSocket(path, (stream) => stream.destroy());
    await expect(listenUnixSocket(path, () => {})).rejects.toMatchObject({ code: 'conflict' });
    await expect(connectUnixSocket(path)).resolves.toBeDefined();
    server.close();
  });

  it('leaves a file alone that is no socket', async () => {
    writeFileSync(path, 'dear');
    await expect(listenUnixSocket(path, () => {})).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(readFileSync(path, 'utf8')).toBe('dear');
  });

  it('replaces the socket of a dead program', async () => {
    const listen = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
    await once(spawn(process.execPath, ['-e', listen, path]), 'exit');
    expect(statSync(path).isSocket()).toBe(true);
    const server = await listenUnixSocket(path, (stream) => stream.destroy());
    await expect(connectUnixSocket(path)).resolves.toBeDefined();
    server.close();
  });

  it('says when nobody is there, or when nobody waits any more', async () => {
    await expect(connectUnixSocket(path)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(connectUnixSocket(path, AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' });
  });
});
