/** F-13 and the unread half of T-39: clients that ask for 250 MiB and read nothing. */
import { setTimeout as sleep } from 'node:timers/promises';
import { session } from '../../../test/support/transports.ts';
import { trapLaunch } from '../../../test/support/trap.ts';
import { createSession } from '../../clients/create-session.ts';
import { type BenchSession, callBody, nextId, type Transport } from '../../clients/session.ts';
import { descendants, queuedInKernel, writtenBytes } from '../../proc.ts';
import { bar, type Finding, type FullCase, type FullContext } from '../case.ts';
import type { GatewayProcess } from '../gateway.ts';
import { besideNeighbour, connected, growthDuring, memoryFinding, seconds, timeUntil } from '../measure.ts';

const PATHS: Readonly<Record<Transport, string>> = { http: 'mcp', sse: 'sse', ws: 'ws' };
const FLOOD = callBody('flood', { messages: 4_000, bytes: 65_536 });
const MIB = 2 ** 20;
const SETTLE_MS = 4_000;
/** 10 s without progress, looked at once a second. */
const CUT_BAR_MS = 12_000;
const WATCHED_MS = 30_000;
/** The bar of what is kept, and the pipe between server and gateway, which counts as taken. */
const HELD_MIB = 1 + 0.2;

async function watch(
  gateway: GatewayProcess,
  client: BenchSession,
  server: number,
): Promise<{ held: number; cut: number | undefined }> {
  const before = writtenBytes(server);
  client.call(nextId(), FLOOD, () => undefined);
  client.pause();
  const started = performance.now();
  const ports = client.localPorts;
  const open = (): number => ports.filter((port) => connected(gateway.port, port)).length;
  const all = open();
  await sleep(SETTLE_MS);
  const held = (writtenBytes(server) - before - queuedInKernel(gateway.port, ports)) / MIB;
  const cut = await timeUntil(() => open() < all, WATCHED_MS);
  return { held, cut: cut === undefined ? undefined : performance.now() - started };
}

async function one(gateway: GatewayProcess, transport: Transport): Promise<Finding[]> {
  const known = new Set(descendants(gateway.pid));
  const client = createSession(transport, { port: gateway.port, path: `/servers/trap/${PATHS[transport]}` });
  await client.open();
  const server = descendants(gateway.pid).find((pid) => !known.has(pid)) ?? 0;
  const { growth, value } = await growthDuring(gateway, () => watch(gateway, client, server));
  await client.close();
  const what = `${transport}, 250 MiB that nobody reads`;
  const { held, cut } = value;
  return [
    memoryFinding(what, growth),
    bar(
      `${what}: taken from the server and not yet in the kernel's queues`,
      `${held.toFixed(2)} MiB`,
      `≤ 1 MiB and the server's pipe`,
      held <= HELD_MIB,
    ),
    bar(
      `${what}: cut off`,
      `after ${seconds(cut)}`,
      '≤ 10 s without progress (looked at once a second)',
      cut !== undefined && cut <= CUT_BAR_MS,
    ),
  ];
}

async function run(context: FullContext): Promise<Finding[]> {
  const gateway = await context.gateway([{ name: 'trap', launch: trapLaunch() }]);
  const neighbour = await session('streamable-http', gateway.url('trap'));
  const beside = await besideNeighbour(neighbour, async () => {
    const findings: Finding[] = [];
    for (const transport of ['http', 'sse', 'ws'] as const) findings.push(...(await one(gateway, transport)));
    return findings;
  });
  await neighbour.close();
  return [...beside.value, ...beside.findings('all of these')];
}

export const unread: FullCase = { row: 'F-13', run };
