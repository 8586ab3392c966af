/** A server that attacks its pod from inside: what it finds of the supervisor, and what it can do to it. */
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SUPERVISOR, UID, WORKLOAD } from '../../src/cluster/objects/places.ts';
import { StreamableClient } from '../support/streamable-client.ts';
import { openCluster, type TestCluster } from './support/cluster.ts';
import { type ExecGateway, startExecGateway } from './support/exec-gateway.ts';
import { pidsOf } from './support/processes.ts';
import { type RunningPod, startServer } from './support/server-pod.ts';

const code = readFileSync(new URL('../fixtures/processes/hostile.mjs', import.meta.url), 'utf8');

let cluster: TestCluster;
let pod: RunningPod;
let gateway: ExecGateway;
let client: StreamableClient;

beforeAll(async () => {
  cluster = await openCluster();
  pod = await startServer(cluster, { name: 'hostile', program: { kind: 'script', runtime: 'node', code } });
  gateway = await startExecGateway(cluster, [pod]);
});
afterAll(async () => {
  await gateway?.close();
  await cluster?.close();
});
beforeEach(async () => {
  client = new StreamableClient(`${gateway.url('hostile')}/mcp`);
  await client.initialize();
});
afterEach(() => client.close());

const attempt = async (name: string): Promise<unknown> => JSON.parse(await client.toolText(name)) as unknown;

describe('a hostile server', () => {
  it('finds no file of the supervisor', async () => {
    expect(await attempt('files')).toEqual({
      '/run/berth': 'ENOENT',
      '/run/berth/link': 'ENOENT',
      '/run/berth/state': 'ENOENT',
      '/run/berth/status': 'ENOENT',
      '/etc/berth': 'ENOENT',
      '/app/dist/supervisor': 'ENOENT',
    });
  });

  it('sees no process of another user, and reaches none by its number', async () => {
    const seen = (await attempt('processes')) as readonly (readonly [number, string])[];
    // The kernel shows those that may not be looked into as root's: the helper and its keepers.
    for (const [uid, program] of seen)
      if (uid !== UID.workload) expect([uid, program]).toEqual([0, 'EACCES']);
    expect(seen.filter(([, program]) => program.endsWith('/node'))).toHaveLength(1);
    expect(await attempt('signals')).toEqual([]);
  });

  it('cannot look into the helper, nor ask it for anything', async () => {
    expect(await attempt('memory')).toEqual(['EACCES', 'EACCES', 'EACCES']);
    // A failure record whose step says `u`: not the user of the supervisor.
    expect(await attempt('spawn')).toMatch(/^F\0\0\0.u/);
  });

  it('can neither take the place of the helper nor remove it, and has no folder in common with the supervisor', async () => {
    expect(await attempt('replace')).toBe('EADDRINUSE');
    // Its own volumes, and the memory that the cluster gives to every container.
    expect(await attempt('writable')).toEqual(['/dev/mqueue', '/dev/shm', '/home/mcp', '/tmp']);
    const other = new StreamableClient(client.url);
    expect((await other.initialize()).message.result).toMatchObject({ serverInfo: { name: 'hostile' } });
    await other.close();
  });

  it('finds nothing that listens on the network', async () => {
    expect(await attempt('listening')).toEqual([]);
  });

  it('ends itself when it kills all that it can, and nothing else', async () => {
    await client.tool('massacre');
    const other = new StreamableClient(client.url);
    expect((await other.initialize()).message.result).toMatchObject({ serverInfo: { name: 'hostile' } });
    expect([await pod.restarts(SUPERVISOR), await pod.restarts(WORKLOAD)]).toEqual([0, 0]);
    expect(await pidsOf(pod, SUPERVISOR, { program: '/node' })).toHaveLength(1);
    await other.close();
  });
});
