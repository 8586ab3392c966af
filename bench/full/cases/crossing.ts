/** T-20: many clients with the same ids over every transport; no answer may ever reach another one. */
import type { McpClient } from '../../../test/support/mcp-client.ts';
import { session, TRANSPORTS, type Transport } from '../../../test/support/transports.ts';
import { trapLaunch } from '../../../test/support/trap.ts';
import { bar, type Finding, type FullCase, type FullContext, figure } from '../case.ts';
import type { GatewayProcess } from '../gateway.ts';

const CLIENTS = 200;
const IN_FLIGHT = 8;
/** Clients that kill their own process again and again, on a server of their own: five early ends close a server. */
const CRASHING = 8;
const CRASHES = 4;
const REVISION = { protocolVersion: '2025-06-18' };

interface Tally {
  calls: number;
  crossed: number;
  /** Answers that nobody asked for, or that came after their caller had given up. */
  leftOver: number;
  failed: number;
  /** The first reasons of those that failed. */
  readonly reasons: Set<string>;
}

const MOST_REASONS = 3;

function emptyTally(): Tally {
  return { calls: 0, crossed: 0, leftOver: 0, failed: 0, reasons: new Set() };
}

function fail(tally: Tally, reason: string): void {
  tally.failed++;
  if (tally.reasons.size < MOST_REASONS) tally.reasons.add(reason.slice(0, 150));
}

function transportOf(index: number): Transport {
  return TRANSPORTS[index % TRANSPORTS.length] ?? 'websocket';
}

async function callOnce(client: McpClient, name: string, id: number, tally: Tally): Promise<void> {
  tally.calls++;
  try {
    const { message, text } = await client.request(String(id), 'trap/echo', { name, id });
    if (message.result === undefined) fail(tally, text);
    else if (message.result.name !== name || message.result.id !== id) tally.crossed++;
  } catch (error) {
    fail(tally, String(error));
  }
}

/** Every client counts its ids from 0. */
async function hammer(client: McpClient, name: string, until: number, tally: Tally): Promise<void> {
  for (let next = 0; performance.now() < until; next += IN_FLIGHT) {
    const ids = Array.from({ length: IN_FLIGHT }, (_, index) => next + index);
    await Promise.all(ids.map((id) => callOnce(client, name, id, tally)));
  }
  tally.leftOver += client.inbox.waiting.length;
  for (const { text } of client.inbox.waiting) if (!text.includes(`"${name}"`)) tally.crossed++;
}

async function openAll(base: string): Promise<McpClient[]> {
  const clients: McpClient[] = [];
  while (clients.length < CLIENTS) {
    const some = Array.from({ length: 10 }, (_, index) => transportOf(clients.length + index));
    clients.push(...(await Promise.all(some.map((transport) => session(transport, base, REVISION)))));
  }
  return clients;
}

async function crash(gateway: GatewayProcess, index: number): Promise<number> {
  let told = 0;
  for (let crashed = 0; crashed < CRASHES; crashed++) {
    const client = await session(transportOf(index), gateway.url(`crash-${index}`), REVISION);
    const tally = emptyTally();
    await hammer(client, `crash-${index}-${crashed}`, performance.now() + 1_000, tally);
    if (tally.crossed > 0) throw new Error('a crashing client got the answer of another one');
    if ((await client.tool('crash')).message.error?.data?.code === 'process-exited') told++;
    await client.close();
  }
  return told;
}

async function onServer(gateway: GatewayProcess, server: string, context: FullContext): Promise<Finding[]> {
  context.log(`T-20 ${server}`);
  const clients = await openAll(gateway.url(server));
  const processes = gateway.processes;
  const tally = emptyTally();
  const until = performance.now() + context.seconds * 1000;
  const crashes =
    server === 'session'
      ? Promise.all(Array.from({ length: CRASHING }, (_, index) => crash(gateway, index)))
      : Promise.resolve([]);
  await Promise.all(clients.map((client, index) => hammer(client, `client-${index}`, until, tally)));
  const told = (await crashes).reduce((sum, each) => sum + each, 0);
  await Promise.all(clients.map((client) => client.close()));
  const what = `isolation ${server}, ${CLIENTS} clients × ${IN_FLIGHT} in flight with ids 0…n for ${context.seconds} s`;
  const findings = [
    bar(
      what,
      `${tally.calls} calls on ${processes} processes: ${tally.crossed} crossed, ${tally.leftOver} left over, ${tally.failed} failed ${[...tally.reasons].join('; ')}`,
      'none',
      tally.crossed + tally.leftOver + tally.failed === 0,
    ),
  ];
  if (server === 'session')
    findings.push(
      figure(`processes killed beside it, their clients told so`, `${told} of ${CRASHING * CRASHES}`),
    );
  return findings;
}

async function run(context: FullContext): Promise<Finding[]> {
  const launch = trapLaunch();
  const gateway = await context.gateway([
    { name: 'session', launch },
    { name: 'principal', launch, isolation: 'principal' },
    { name: 'shared', launch, isolation: 'shared' },
    ...Array.from({ length: CRASHING }, (_, index) => ({ name: `crash-${index}`, launch })),
  ]);
  const findings: Finding[] = [];
  for (const server of ['session', 'principal', 'shared'])
    findings.push(...(await onServer(gateway, server, context)));
  return findings;
}

export const crossing: FullCase = { row: 'T-20', run };
