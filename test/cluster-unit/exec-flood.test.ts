import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createExecCarrier } from '../../src/cluster/exec-carrier.ts';
import { acceptCarrier, openCarrier } from '../../src/link/carrier.ts';
import { listenUnixSocket } from '../../src/link/unix-socket.ts';
import { until } from '../link/waiting.ts';
import { joinTo } from './join-program.ts';
import { StandInApi } from './stand-in-api.ts';

const MIB = 1024 * 1024;
const ALL = 64 * MIB;

it('carries as much as there is in both directions at once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-flood-'));
  const path = join(folder, 'socket');
  let arrived = 0;
  let answered = 0;
  const listener = await listenUnixSocket(path, (stream) => {
    acceptCarrier(stream).on('stream', (opened) => {
      opened.respond({ ':status': 200 });
      opened.on('data', (bytes: Buffer) => {
        arrived += bytes.length;
      });
      for (let sent = 0; sent < ALL; sent += MIB) opened.write(Buffer.alloc(MIB));
    });
  });
  const api = await StandInApi.start();
  api.onExec = (peer) => joinTo(createConnection({ path }), peer);
  const target = { namespace: 'demo', pod: 'web-1', container: 'supervisor', socket: path };
  const stream = await createExecCarrier({ access: api.access() }).connect(
    target,
    new AbortController().signal,
  );
  const session = openCarrier(stream);
  const request = session.request({ ':method': 'POST', ':path': '/' }, { endStream: false });
  request.on('data', (bytes: Buffer) => {
    answered += bytes.length;
  });
  for (let sent = 0; sent < ALL; sent += MIB) request.write(Buffer.alloc(MIB));
  await until('all of it', () => arrived === ALL && answered === ALL);
  expect(api.peers).toHaveLength(1);
  session.destroy();
  listener.close();
  await api.close();
  rmSync(folder, { recursive: true });
});
