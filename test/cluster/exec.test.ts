import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClusterAccess } from '../../src/cluster/access.ts';
import { apiStatusOf } from '../../src/cluster/api-status.ts';
import { type ExecChannel, openExec } from '../../src/cluster/exec-channel.ts';
import type { ExecExit } from '../../src/cluster/exec-exit.ts';
import { V4 } from '../../src/cluster/exec-frames.ts';
import { PODS } from '../../src/cluster/resources.ts';
import { until } from '../link/waiting.ts';
import { openCluster, type TestCluster } from './support/cluster.ts';
import { type FaultProxy, openFaultProxy } from './support/fault-proxy.ts';
import { IDLE } from './support/switchboard.ts';

const MIB = 1024 * 1024;

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await openCluster();
  await Promise.all([cluster.pod('idle', IDLE), cluster.pod('short-lived', IDLE)]);
});
afterAll(() => cluster?.close());

interface Place {
  readonly pod?: string;
  readonly container?: string;
}
const exec = (
  command: readonly string[],
  place: Place = {},
  access: ClusterAccess = cluster.access,
): Promise<ExecChannel> => {
  const target = { namespace: cluster.namespace, pod: 'idle', container: 'main', ...place, command };
  return openExec({ access, target });
};
const output = async (channel: ExecChannel): Promise<Buffer> => {
  const parts: Buffer[] = [];
  for await (const part of channel) parts.push(part as Buffer);
  return Buffer.concat(parts);
};
/** Ends with 0 once the file is there. */
const comes = async (path: string): Promise<ExecExit> => {
  const look = `for i in $(seq 100); do test -e ${path} && exit 0; sleep 0.1; done; exit 1`;
  const found = await exec(['sh', '-c', look]);
  await output(found);
  return found.exit;
};
const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe('a command in a pod', () => {
  it('gets and gives megabytes unchanged, and the end of its input', async () => {
    const channel = await exec(['cat']);
    expect(channel.halfCloses).toBe(true);
    const bytes = randomBytes(8 * MIB);
    const read = output(channel);
    channel.end(bytes);
    expect(hash(await read)).toBe(hash(bytes));
    expect(await channel.exit).toEqual({ kind: 'exited', code: 0 });
  });

  it('keeps the pieces of characters together', async () => {
    const channel = await exec(['node', '-e', 'process.stdout.write("€".repeat(300_000))']);
    expect((await output(channel)).toString()).toBe('€'.repeat(300_000));
  });

  it('tells its exit code and what it said last', async () => {
    const channel = await exec(['node', '-e', 'console.error("it is all over"); process.exitCode = 7']);
    await output(channel);
    expect(await channel.exit).toEqual({ kind: 'exited', code: 7 });
    expect(channel.stderr).toEqual(['it is all over']);
    const killed = await exec(['sh', '-c', 'kill -9 $$']);
    await output(killed);
    expect(await killed.exit).toEqual({ kind: 'exited', code: 137 });
  });

  it('says that it does not exist', async () => {
    const channel = await exec(['/not/there']);
    await output(channel);
    expect(await channel.exit).toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('/not/there'),
    });
  });

  it('loses nothing of its output when it has ended before anybody read, whatever is written meanwhile', async () => {
    const say = `node -e 'process.stdout.write(Buffer.alloc(${6 * MIB}, "z"))'`;
    const channel = await exec(['sh', '-c', `${say}; touch /run/berth/said`]);
    await once(channel, 'readable');
    // Reading is paused then. What is sent earlier may meet the command's end: nobody can help that (see exec-reading.ts).
    await until('the mark', () => channel.readableLength >= channel.readableHighWaterMark);
    const ended = comes('/run/berth/said');
    for (let round = 0; round < 30; round++) {
      channel.write('to nobody');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(await ended).toEqual({ kind: 'exited', code: 0 });
    expect((await output(channel)).length).toBe(6 * MIB);
    expect(await channel.exit).toEqual({ kind: 'exited', code: 0 });
  });

  it('ends when its caller has gone', async () => {
    const channel = await exec(['sh', '-c', 'cat; touch /run/berth/gone']);
    channel.write('x');
    await once(channel, 'readable');
    channel.destroy();
    expect(await comes('/run/berth/gone')).toEqual({ kind: 'exited', code: 0 });
  });

  it('ends with its pod', async () => {
    const channel = await exec(['cat'], { pod: 'short-lived' });
    channel.write('x');
    await once(channel, 'readable');
    const target = { namespace: cluster.namespace, name: 'short-lived' };
    await cluster.client.remove(PODS, target, { gracePeriodSeconds: 0 });
    channel.resume();
    expect(['exited', 'failed', 'lost']).toContain((await channel.exit).kind);
  });
});

describe('a command over the older protocol', () => {
  let proxy: FaultProxy;
  const old = (...command: string[]): Promise<ExecChannel> => exec(command, {}, proxy.access);

  beforeAll(async () => {
    proxy = await openFaultProxy(cluster.access);
    proxy.protocol = V4;
  });
  afterAll(() => proxy?.close());

  it('gets and gives megabytes unchanged, and cannot be told the end of its input', async () => {
    const channel = await old('head', '-c', `${8 * MIB}`);
    expect(channel.halfCloses).toBe(false);
    const bytes = randomBytes(8 * MIB);
    const read = output(channel);
    channel.write(bytes);
    expect(hash(await read)).toBe(hash(bytes));
    expect(await channel.exit).toEqual({ kind: 'exited', code: 0 });
  });

  it('tells its exit code and what it said last', async () => {
    const channel = await old('node', '-e', 'console.error("it is all over"); process.exitCode = 7');
    await output(channel);
    expect(await channel.exit).toEqual({ kind: 'exited', code: 7 });
    expect(channel.stderr).toEqual(['it is all over']);
  });

  it('says that it does not exist', async () => {
    const channel = await old('/not/there');
    await output(channel);
    expect(await channel.exit).toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('/not/there'),
    });
  });

  it('ends when its caller has gone', async () => {
    const channel = await old('sh', '-c', 'cat; touch /run/berth/gone-too');
    channel.write('x');
    await once(channel, 'readable');
    channel.destroy();
    expect(await comes('/run/berth/gone-too')).toEqual({ kind: 'exited', code: 0 });
  });
});

describe('a command that cannot be', () => {
  it('says that there is no such pod', async () => {
    const error: unknown = await exec(['cat'], { pod: 'nowhere' }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('"nowhere" not found'),
    });
    expect(apiStatusOf(error)).toMatchObject({ code: 404, reason: 'NotFound' });
  });

  it('says that there is no such container', async () => {
    const error: unknown = await exec(['cat'], { container: 'other' }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'busy', message: expect.stringContaining('other') });
  });
});
