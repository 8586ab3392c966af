/** T-39: a server that writes a line without end, binary noise, or a flood on its standard error. */
import { fileURLToPath } from 'node:url';
import type { Received } from '../../../test/support/inbox.ts';
import type { McpClient } from '../../../test/support/mcp-client.ts';
import { requestText } from '../../../test/support/mcp-client.ts';
import { session, TRANSPORTS, type Transport } from '../../../test/support/transports.ts';
import { trapLaunch } from '../../../test/support/trap.ts';
import { bar, type Finding, type FullCase, type FullContext } from '../case.ts';
import type { GatewayProcess } from '../gateway.ts';
import { besideNeighbour, growthDuring, memoryFinding } from '../measure.ts';

const PROGRAM = fileURLToPath(new URL('../noisy-server.ts', import.meta.url));
const MIB = 2 ** 20;
/** A test client waits 20 s each time. */
const WAITS = 6;

const FLOODS = [
  { tool: 'endless', what: '1 GiB without a newline', bytes: 1024 * MIB },
  { tool: 'noise', what: '256 MiB of random bytes', bytes: 256 * MIB },
  { tool: 'stderr', what: '256 MiB on standard error as fast as it is taken', bytes: 256 * MIB },
];

async function patiently(client: McpClient, id: string): Promise<Received> {
  for (let wait = 1; wait < WAITS; wait++) {
    const answer = await client.inbox.answer(id).catch(() => undefined);
    if (answer) return answer;
  }
  return client.inbox.answer(id);
}

function textOf({ message }: Received): string | undefined {
  return (message.result?.content as { text: string }[] | undefined)?.[0]?.text;
}

async function one(
  gateway: GatewayProcess,
  transport: Transport,
  flood: (typeof FLOODS)[number],
): Promise<Finding[]> {
  const client = await session(transport, gateway.url('noisy'));
  const { growth, value } = await growthDuring(gateway, async () => {
    const { tool: name, bytes } = flood;
    void client.send(requestText('"flood"', 'tools/call', { name, arguments: { bytes } })).catch(() => 0);
    return patiently(client, '"flood"');
  });
  const ms = Number(textOf(value));
  const next = textOf(await client.tool('echo', {})) !== undefined;
  await client.close();
  const what = `${transport}, ${flood.what}`;
  const rate = `${(flood.bytes / 1e6 / (ms / 1000)).toFixed(0)} MB/s`;
  return [
    bar(
      what,
      `call ${Number.isNaN(ms) ? 'failed' : `answered, written at ${rate}`}, next call ${next ? 'works' : 'fails'}`,
      'both answered',
      next && !Number.isNaN(ms),
    ),
    memoryFinding(what, growth),
  ];
}

async function run(context: FullContext): Promise<Finding[]> {
  const noisy = { file: process.execPath, args: [PROGRAM] };
  const gateway = await context.gateway([
    { name: 'noisy', launch: noisy },
    { name: 'trap', launch: trapLaunch() },
  ]);
  const findings: Finding[] = [];
  for (const flood of FLOODS) {
    const neighbour = await session('streamable-http', gateway.url('trap'));
    const beside = await besideNeighbour(neighbour, async () => {
      for (const transport of TRANSPORTS) findings.push(...(await one(gateway, transport, flood)));
    });
    findings.push(...beside.findings(flood.what));
    await neighbour.close();
  }
  return findings;
}

export const endless: FullCase = { row: 'T-39', run };
