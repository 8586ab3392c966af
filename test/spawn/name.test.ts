/** A helper that listens at a name instead of a path: as in a pod, where nothing that servers can write to leads to it. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/local-process.ts';
import {
  type Build,
  buildSpawn,
  launchOf,
  RawConnection,
  startHelper,
  startProcess,
  UID,
} from '../support/spawn-helper.ts';

describe.each<Build>(['release', 'sanitize'])('the %s build at a name', async (build) => {
  const program = await buildSpawn(build);
  const uniqueName = (): string => `@berth-test-${randomUUID()}`;
  const listeners = (name: string): string[] =>
    readFileSync('/proc/net/unix', 'utf8')
      .split('\n')
      .filter((line) => line.endsWith(` ${name}`));

  it('starts processes, and leaves nothing where a file would be', async () => {
    const helper = await startHelper({ program, socket: uniqueName() });
    try {
      const started = await startProcess(helper.socket, launchOf('/bin/sh', ['-c', 'read x; echo got $x']));
      started.input.socket.write('bytes\n');
      await eventually('its answer', () => started.output.text === 'got bytes\n');
      expect(readdirSync(helper.folder)).toEqual([]);
      started.destroy();
    } finally {
      await helper.close();
    }
    expect(listeners(helper.socket)).toEqual([]);
  });

  it('lets nobody take it as long as it lives, be it another helper, and leaves it to the next one', async () => {
    const first = await startHelper({ program, socket: uniqueName() });
    const { socket } = first;
    try {
      await expect(startHelper({ program, socket })).rejects.toThrow(/cannot listen at .*in use/);
      const error = await new Promise<NodeJS.ErrnoException>((resolve, reject) => {
        const other = createServer().once('error', resolve);
        other.listen(socket.replace('@', '\0'), () => reject(new Error('it was taken')));
      });
      expect(error.code).toBe('EADDRINUSE');
    } finally {
      await first.close();
    }
    await (await startHelper({ program, socket })).close();
  });

  it('waits for a moment for a name that somebody is about to leave', async () => {
    const socket = uniqueName();
    const holder = createServer().listen(socket.replace('@', '\0'));
    await once(holder, 'listening');
    const starting = startHelper({ program, socket });
    setTimeout(() => holder.close(), 200);
    await (await starting).close();
  });

  it('lets nobody with another user id get further', async () => {
    const helper = await startHelper({ program, socket: uniqueName(), peerUid: UID + 1 });
    try {
      const connection = new RawConnection(helper.socket);
      connection.socket.write('BS1P');
      expect(await connection.record('failed')).toMatchObject({ step: 'refused' });
      await connection.end();
    } finally {
      await helper.close();
    }
  });

  it('is found by that name alone, not by one that begins with it or goes on', async () => {
    const helper = await startHelper({ program, socket: uniqueName() });
    try {
      const tried = await Promise.all(
        [helper.socket.slice(0, -1), `${helper.socket}\0`].map(
          (name) =>
            new Promise<string | undefined>((resolve) => {
              const socket = connect({ path: name.replace('@', '\0') });
              socket.once('connect', () => resolve('connected'));
              socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
            }),
        ),
      );
      expect(tried).toEqual(['ECONNREFUSED', 'ECONNREFUSED']);
    } finally {
      await helper.close();
    }
  });
});
