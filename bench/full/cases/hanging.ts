/** F-11 and F-12: servers that do not answer, and servers that take their time. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { McpClient } from '../../../test/support/mcp-client.ts';
import { requestText } from '../../../test/support/mcp-client.ts';
import { session, TRANSPORTS, type Transport } from '../../../test/support/transports.ts';
import { trapLaunch, trapState } from '../../../test/support/trap.ts';
import { bar, type Finding, type FullCase, type FullContext } from '../case.ts';
import { besideNeighbour } from '../measure.ts';

const DEADLINE_MS = 5_000;
/** Deadlines are looked at once a second. */
const LATEST_MS = DEADLINE_MS + 2_000;
const STEPS = 12;
const SLOW_MS = 20_000;
const REVISION = { protocolVersion: '2025-06-18' };

async function hang(transport: Transport, base: string): Promise<Finding> {
  const client = await session(transport, base);
  const started = performance.now();
  const { message } = await client.tool('hang');
  const ms = performance.now() - started;
  const { cancelled } = await trapState(client);
  await client.close();
  const code = String(message.error?.data?.code);
  const good = code === 'request-timeout' && cancelled.length === 1 && ms >= DEADLINE_MS && ms <= LATEST_MS;
  return bar(
    `${transport}: a call that is never answered, deadline ${DEADLINE_MS / 1000} s`,
    `${code} after ${(ms / 1000).toFixed(1)} s, cancelled upstream ${cancelled.length} time(s), next call answered`,
    'request-timeout in 5 to 7 s, cancelled once',
    good,
  );
}

async function moved(transport: Transport, base: string): Promise<Finding> {
  const client = await session(transport, base);
  const { message } = await client.tool(
    'count',
    { steps: STEPS, ms: 1_000 },
    { _meta: { progressToken: 'p' } },
  );
  const progress = client.inbox.waiting.length;
  await client.close();
  return bar(
    `${transport}: a call of ${STEPS} s that reports each second, deadline ${DEADLINE_MS / 1000} s`,
    `${message.error ? 'failed' : 'answered'}, ${progress} progress notifications`,
    `answered, ${STEPS}`,
    message.error === undefined && progress === STEPS,
  );
}

async function runHanging(context: FullContext): Promise<Finding[]> {
  const gateway = await context.gateway([
    { name: 'impatient', launch: trapLaunch(), limits: { requestTimeout: DEADLINE_MS } },
  ]);
  const base = gateway.url('impatient');
  return Promise.all(TRANSPORTS.flatMap((transport) => [hang(transport, base), moved(transport, base)]));
}

/** The answer to a call that takes longer than a test client waits. */
async function slowAnswer(client: McpClient): Promise<boolean> {
  void client
    .send(requestText('"slow"', 'tools/call', { name: 'slow', arguments: { ms: SLOW_MS } }))
    .catch(() => 0);
  await sleep(SLOW_MS / 2);
  return (await client.inbox.answer('"slow"')).message.result !== undefined;
}

async function runSlow(context: FullContext): Promise<Finding[]> {
  const launch = trapLaunch();
  const gateway = await context.gateway([
    { name: 'own', launch },
    { name: 'shared', launch, isolation: 'shared' },
  ]);
  const findings: Finding[] = [];
  for (const server of ['own', 'shared']) {
    const base = gateway.url(server);
    const neighbour = await session('streamable-http', base, REVISION);
    const slow = await Promise.all(TRANSPORTS.map((transport) => session(transport, base, REVISION)));
    const beside = await besideNeighbour(neighbour, () => Promise.all(slow.map(slowAnswer)));
    const answered = beside.value.filter(Boolean).length;
    const what = `${server === 'own' ? 'a process per session' : 'one shared process'}, calls of ${SLOW_MS / 1000} s on every transport`;
    findings.push(
      bar(what, `${answered} of ${slow.length} answered`, 'all', answered === slow.length),
      ...beside.findings(what),
    );
    await Promise.all([neighbour, ...slow].map((client) => client.close()));
  }
  return findings;
}

export const hanging: FullCase = { row: 'F-11', run: runHanging };
export const slow: FullCase = { row: 'F-12', run: runSlow };
