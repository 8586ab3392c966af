/** A package tried in a pod, with the programs of the pod: the supervisor, the helper of the other container, and what looks there. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Link } from '../../src/link/link.ts';
import { createSocketLink } from '../../src/link/socket-link.ts';
import type { PodInspection } from '../../src/supervisor/inspection-report.ts';
import { type RunningSupervisor, runSupervisor } from '../../src/supervisor/main.ts';
import { eventually, fixture, isRunning } from '../support/local-process.ts';
import { buildSpawn, type RunningHelper, startHelper } from '../support/spawn-helper.ts';

const LOOK = fileURLToPath(new URL('../../src/runtimes/inspection/look.ts', import.meta.url));
const program = await buildSpawn();

let folder: string;
let helper: RunningHelper;
let supervisor: RunningSupervisor | undefined;
let link: Link | undefined;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'berth-pod-'));
  mkdirSync(join(folder, 'home'));
  helper = await startHelper({ program, folder });
});
afterEach(async () => {
  await link?.close();
  await supervisor?.close({ force: true });
  await helper.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the supervisor of a pod that tries this program, and gives what came of it. */
async function tried(args: readonly string[]) {
  const [socket, config, home] = ['link', 'supervisor.json', 'home'].map((name) => join(folder, name));
  const server = {
    ...{ id: randomUUID(), name: 'inspect-1', isolation: 'session', sessions: 'minted' },
    launch: { file: process.execPath, args, env: { PATH: process.env.PATH ?? '', HOME: home }, cwd: home },
    limits: { startTimeout: 20_000, eofGrace: 200, termGrace: 200 },
    inspection: { look: { file: process.execPath, args: [LOOK, '~', home] } },
  };
  const all = {
    dataDir: join(folder, 'data'),
    spawn: { socket: helper.socket },
    servers: [server],
  };
  writeFileSync(config as string, JSON.stringify(all));
  supervisor = await runSupervisor({ socket: socket as string, config: config as string });
  link = createSocketLink({ connect: async () => connect(socket as string), instance: 'gateway' });
  const { seen } = await eventually('its end', async () => {
    const told = (await link?.ask?.({ what: 'inspection', server: server.id })) as PodInspection;
    return told.state === 'done' ? told : false;
  });
  return seen;
}

it('is started, asked, ended and looked at in the other container', async () => {
  const seen = await tried([fixture('busy-server')]);
  expect(seen).toMatchObject({
    engine: `Node ${process.versions.node}`,
    // There is no cluster here.
    isolation: 'unknown',
    report: { serverInfo: { name: 'busy' }, eras: ['legacy'] },
    written: { files: [{ path: '~/state/notes.txt', bytes: 5 }], total: 1 },
    stderr: ['busy: hello'],
  });
  expect(seen?.offers.tools?.map(({ name }) => name)).toEqual(['one', 'two', 'three']);
  // As far as this machine counts it for the group of the helper.
  if (seen?.peakMemoryBytes !== undefined) expect(seen.peakMemoryBytes).toBeGreaterThan(64 * 1024 ** 2);
});

it('tells why it does not start, and leaves no process', async () => {
  const seen = await tried([fixture('exits'), '7', '0', 'no token given']);
  expect(seen).toMatchObject({
    failure: { code: 'start-failed', phase: 'handshake', exitCode: 7, stderr: ['no token given'] },
    stderr: ['no token given'],
    written: { files: [], total: 0 },
  });
  expect(isRunning(helper.child.pid ?? 0)).toBe(true);
});
