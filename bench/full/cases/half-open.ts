/** F-14: clients that are stopped, so that their machine still takes bytes and nothing answers. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { trapLaunch } from '../../../test/support/trap.ts';
import { WsClient } from '../../../test/support/ws-client.ts';
import { bar, type Finding, type FullCase, type FullContext } from '../case.ts';
import type { GatewayProcess } from '../gateway.ts';
import { connected, seconds, timeUntil } from '../measure.ts';

const PROGRAM = fileURLToPath(new URL('../silent-client.ts', import.meta.url));
const PEERS = 5;
const BAR_MS = 45_000;
const WATCHED_MS = 60_000;

interface Peer {
  readonly child: ChildProcess;
  /** Its port, and the process that serves it. */
  readonly port: number;
  readonly server: number;
}

async function startPeer(url: string): Promise<Peer> {
  const child = spawn(process.execPath, [PROGRAM, url], { stdio: ['ignore', 'pipe', 'inherit'] });
  const first = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  if (first.done) throw new Error('a client did not connect');
  return { child, ...(JSON.parse(first.value) as { port: number; server: number }) };
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function detect(gateway: GatewayProcess, peers: readonly Peer[]): Promise<Finding[]> {
  for (const { child } of peers) child.kill('SIGSTOP');
  const times = await Promise.all(
    peers.map(({ port, server }) =>
      timeUntil(() => !connected(gateway.port, port) && !runs(server), WATCHED_MS),
    ),
  );
  const longest = times.reduce<number | undefined>(
    (most, ms) => (most === undefined || ms === undefined ? undefined : Math.max(most, ms)),
    0,
  );
  return [
    bar(
      `${PEERS} WebSocket clients stopped: until their connections and processes are gone`,
      `at most ${seconds(longest)}`,
      `≤ ${BAR_MS / 1000} s`,
      longest !== undefined && longest <= BAR_MS,
    ),
  ];
}

async function run(context: FullContext): Promise<Finding[]> {
  const gateway = await context.gateway([{ name: 'trap', launch: trapLaunch() }]);
  const url = `${gateway.url('trap')}/ws`;
  const lively = await WsClient.connect(url);
  await lively.initialize();
  const peers = await Promise.all(Array.from({ length: PEERS }, () => startPeer(url)));
  try {
    const findings = await detect(gateway, peers);
    const answer = await lively.request('1', 'trap/echo', { still: 'here' });
    const here = answer.message.result?.still === 'here' && gateway.processes === 1;
    return [
      ...findings,
      bar('an idle client beside them', here ? 'still served' : 'lost', 'still served', here),
    ];
  } finally {
    const ends = peers.map(({ child }) => once(child, 'exit'));
    for (const { child } of peers) child.kill('SIGKILL');
    await Promise.all(ends);
    await lively.close();
  }
}

export const halfOpen: FullCase = { row: 'F-14', run };
