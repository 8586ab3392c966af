/** The supervisor takes over the pipes of a real `berth-spawn join`, and gives them back whatever happens to either end. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createConnection, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { createSocketLink } from '../../src/link/socket-link.ts';
import { listenUnixSocket } from '../../src/link/unix-socket.ts';
import { handoverPath, listenHandover } from '../../src/supervisor/handover.ts';
import { runSupervisor } from '../../src/supervisor/main.ts';
import { MIB, pattern, readAll } from '../support/bytes.ts';
import { eventually } from '../support/local-process.ts';
import { type PipedJoin, startPipedJoin } from '../support/piped-join.ts';
import { type Build, buildSpawn } from '../support/spawn-helper.ts';

const LONG = '600000';

let folder: string;
let path: string;
let servers: Server[];
let joined: PipedJoin | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-handover-'));
  path = join(folder, 'link.sock');
  servers = [];
});
afterEach(async () => {
  await joined?.close();
  joined = undefined;
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true });
});

/** A join that the supervisor's side has taken over, and that side. */
async function handOver(build: Build, idleMs = LONG): Promise<{ side: PipedJoin; peer: Duplex }> {
  const accepted = Promise.withResolvers<Duplex>();
  servers.push(await listenHandover(path, accepted.resolve));
  const args = ['join', '--socket', path, '--idle-ms', idleMs, '--wait-ms', LONG];
  const side = startPipedJoin(await buildSpawn(build), args);
  joined = side;
  return { side, peer: await accepted.promise };
}

describe.each<Build>(['release', 'sanitize'])('with the %s build', (build) => {
  it('carries ten mebibytes each way at the same time, byte for byte', async () => {
    const { side, peer } = await handOver(build);
    const [up, down] = [pattern(10 * MIB), pattern(10 * MIB + 1)];
    side.input.write(up);
    peer.write(down);
    const got = { up: 0, down: 0 };
    const [gotUp, gotDown]: Buffer[][] = [[], []];
    peer.on('data', (chunk: Buffer) => (got.up += gotUp?.push(chunk) ? chunk.length : 0));
    side.output.on('data', (chunk: Buffer) => (got.down += gotDown?.push(chunk) ? chunk.length : 0));
    await eventually('all of it', () => got.up >= up.length && got.down >= down.length);
    expect(Buffer.concat(gotUp ?? []).equals(up)).toBe(true);
    expect(Buffer.concat(gotDown ?? []).equals(down)).toBe(true);
    side.input.end();
    expect(await side.ended).toEqual({ code: 0, said: '' });
  });

  it("ends behind the last byte of the supervisor's, though its input stays open", async () => {
    const { side, peer } = await handOver(build);
    peer.end(pattern(MIB));
    expect((await readAll(side.output)).equals(pattern(MIB))).toBe(true);
    expect(side.child.exitCode).toBeNull();
    peer.destroy();
    expect(await side.ended).toEqual({ code: 0, said: '' });
  });

  it('ends with its input, and what was answered before arrives', async () => {
    const { side, peer } = await handOver(build);
    side.input.end('question');
    peer.once('data', () => peer.write('answer'));
    expect(String(await readAll(side.output))).toBe('answer');
    expect(await side.ended).toEqual({ code: 0, said: '' });
    await eventually('the end of the stream', () => peer.destroyed);
  });

  it('ends when nobody reads its output any more, without a byte that says so', async () => {
    const { side, peer } = await handOver(build);
    side.output.destroy();
    expect(await side.ended).toEqual({ code: 5, said: expect.stringContaining('nobody reads') });
    await eventually('the end of the stream', () => peer.destroyed);
  });

  it('ends when its input was silent for the idle time, whatever the supervisor says', async () => {
    const { side, peer } = await handOver(build, '500');
    side.output.resume();
    const timer = setInterval(() => peer.write('x'), 20);
    const { code, said } = await side.ended;
    clearInterval(timer);
    expect([code, said]).toEqual([3, expect.stringContaining('standard input was silent')]);
    await eventually('the end of the stream', () => peer.destroyed);
  });

  it('takes the end of the stream along when it is killed', async () => {
    const { side, peer } = await handOver(build);
    peer.resume();
    side.child.kill('SIGKILL');
    await eventually('the end of the stream', () => peer.destroyed);
  });

  it('ends when the supervisor is gone in the middle', async () => {
    const { side, peer } = await handOver(build);
    side.input.write(pattern(MIB));
    await once(peer, 'data');
    peer.destroy();
    expect((await side.ended).code).toBe(0);
  });

  it('relays to the link what the supervisor does not take', async () => {
    const offers: string[] = [];
    servers.push(
      await listenUnixSocket(handoverPath(path), (connection) => {
        connection.once('data', (chunk: Buffer) => {
          offers.push(chunk.toString());
          connection.destroy();
        });
      }),
      await listenUnixSocket(path, (connection) => connection.pipe(connection)),
    );
    const side = startPipedJoin(await buildSpawn(build), ['join', '--socket', path, '--wait-ms', LONG]);
    joined = side;
    side.input.end('question');
    expect(String(await readAll(side.output))).toBe('question');
    expect((await side.ended).code).toBe(0);
    expect(offers).toEqual([expect.stringMatching(/^\d+ \d+ \d+ 45000\n$/)]);
  });

  it('relays once it has waited in vain, and whoever answers then finds nothing to read', async () => {
    const late: string[] = [];
    servers.push(
      await listenUnixSocket(handoverPath(path), (connection) => {
        connection.on('error', () => {});
        connection.on('data', (chunk: Buffer) => late.push(chunk.toString()));
        // By the time that it answers, the other side has gone.
        connection.once('end', () => connection.write('T'));
      }),
      await listenUnixSocket(path, (connection) => connection.pipe(connection)),
    );
    const side = startPipedJoin(await buildSpawn(build), ['join', '--socket', path, '--wait-ms', '0']);
    joined = side;
    side.input.end('question');
    expect(String(await readAll(side.output))).toBe('question');
    expect(late.join('').split('\n').slice(1)).toEqual(['']);
  });
});

it('opens nothing for who offers what is not his, or no pipe', async () => {
  let accepted = 0;
  servers.push(await listenHandover(path, () => accepted++));
  for (const offer of [
    `${process.pid} 1 2 45000\n`,
    '4000000000 1 2 45000\n',
    'GET / HTTP/1.1\n',
    `${'1'.repeat(200)}`,
    '../self 1 2 45000\n',
  ]) {
    const connection = createConnection(handoverPath(path));
    connection.write(offer);
    expect(await readAll(connection), offer).toEqual(Buffer.alloc(0));
  }
  expect(accepted).toBe(0);
});

it.each([
  ['before an offer', false],
  ['after it', true],
])('waits a minute for who says nothing %s', async (_when, offers) => {
  const clock = new ManualClock();
  let accepted = 0;
  const server = await listenHandover(path, () => accepted++, clock);
  servers.push(server);
  const connected = once(server, 'connection');
  const connection = createConnection(handoverPath(path));
  await connected;
  const side = startPipedJoin('/bin/sh', ['-c', 'read line']);
  joined = side;
  const inode = (fd: number): number => statSync(`/proc/${side.child.pid}/fd/${fd}`).ino;
  if (offers) {
    connection.write(`${side.child.pid} ${inode(0)} ${inode(1)} 45000\n`);
    expect(String((await once(connection, 'data'))[0])).toBe('T');
  }
  clock.advance(60_000);
  expect(await readAll(connection)).toEqual(Buffer.alloc(0));
  expect(accepted).toBe(0);
});

it('reads nothing before it has heard that it is not too late', async () => {
  let accepted = 0;
  servers.push(await listenHandover(path, () => accepted++));
  const side = startPipedJoin('/bin/sh', ['-c', 'read line; echo "$line"']);
  joined = side;
  const inode = (fd: number): number => statSync(`/proc/${side.child.pid}/fd/${fd}`).ino;
  const connection = createConnection(handoverPath(path));
  connection.write(`${side.child.pid} ${inode(0)} ${inode(1)} 45000\n`);
  expect(String((await once(connection, 'data'))[0])).toBe('T');
  connection.destroy();
  side.input.write('still mine\n');
  expect(String(await readAll(side.output))).toBe('still mine\n');
  expect(accepted).toBe(0);
});

it('is how a gateway reaches a supervisor through an exec', async () => {
  const config = join(folder, 'supervisor.json');
  const server = randomUUID();
  const launch = { file: process.execPath, args: ['-e', ''], env: {}, cwd: folder };
  const definition = { id: server, name: 'web', launch, isolation: 'session', sessions: 'minted' };
  writeFileSync(config, JSON.stringify({ dataDir: join(folder, 'data'), servers: [definition] }));
  const running = await runSupervisor({ socket: path, config });
  const side = startPipedJoin(await buildSpawn(), ['join', '--socket', path]);
  joined = side;
  const gateway = createSocketLink({ connect: async () => side.stream(), instance: 'gateway' });
  expect(await gateway.ask?.({ what: 'sessions', server })).toEqual([]);
  await gateway.close();
  expect((await side.ended).code).toBe(0);
  await running.close();
  expect([existsSync(path), existsSync(handoverPath(path))]).toEqual([false, false]);
});
