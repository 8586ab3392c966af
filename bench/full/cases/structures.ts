/** T-34: small bodies with huge structures. */
import { requestText } from '../../../test/support/mcp-client.ts';
import { StreamableClient } from '../../../test/support/streamable-client.ts';
import { trapLaunch } from '../../../test/support/trap.ts';
import { median } from '../../stats.ts';
import { bar, type Finding, type FullCase, type FullContext } from '../case.ts';
import { growthDuring, memoryFinding } from '../measure.ts';

const TIMES = 5;
const TIME_BAR_MS = 50;
const LIMIT = 4 * 2 ** 20;

/** Envelope, `params` and its one member: what stands around the structure counts too. */
const AROUND_DEPTH = 2;
const AROUND_ELEMENTS = 5;

let lastId = 0;

function request(params: string): string {
  return requestText(String(++lastId), 'trap/log', params);
}

const nested = (depth: number): string =>
  `{"a":${'['.repeat(depth - AROUND_DEPTH)}${']'.repeat(depth - AROUND_DEPTH)}}`;
const open = (depth: number): string => `{"a":${'['.repeat(depth)}}`;
const array = (elements: number): string => `{"a":[${'1,'.repeat(elements - AROUND_ELEMENTS - 1)}1]}`;
const objects = (count: number): string => `{"a":[${'{},'.repeat(count - 1)}{}]}`;
const keys = (count: number): string =>
  `{${Array.from({ length: count }, (_, index) => `"k${index}":0`).join(',')}}`;

interface Shape {
  readonly what: string;
  readonly params: string;
  readonly taken: boolean;
}

function shapes(): Shape[] {
  return [
    { what: 'depth 64', params: nested(64), taken: true },
    { what: 'depth 65', params: nested(65), taken: false },
    { what: 'depth 2,000,000', params: nested(2_000_000), taken: false },
    { what: 'depth 4,100,000, never closed', params: open(4_100_000), taken: false },
    { what: 'depth 5,000,000, never closed (5 MB)', params: open(5_000_000), taken: false },
    { what: '100,000 elements', params: array(100_000), taken: true },
    { what: '100,001 elements', params: array(100_001), taken: false },
    { what: '500,000 objects', params: objects(500_000), taken: false },
    { what: '300,000 keys', params: keys(300_000), taken: false },
    { what: 'one string of 4 MiB less 200 bytes', params: `{"a":"${'x'.repeat(LIMIT - 200)}"}`, taken: true },
  ];
}

async function send(
  client: StreamableClient,
  { what, params, taken }: Shape,
): Promise<{ finding: Finding; ms: number }> {
  const times: number[] = [];
  const statuses = new Set<number>();
  for (let time = 0; time < TIMES; time++) {
    const body = request(params);
    const started = performance.now();
    const response = await client.post(body);
    times.push(performance.now() - started);
    statuses.add(response.status);
    await response.body().catch(() => undefined);
  }
  const good = [...statuses].every((status) => (taken ? status === 200 : status === 400 || status === 413));
  const ms = median(times);
  const measured = `status ${[...statuses].join(', ')} after ${ms.toFixed(1)} ms`;
  return { finding: bar(what, measured, taken ? '200' : '400 or 413', good), ms: taken ? 0 : ms };
}

async function run(context: FullContext): Promise<Finding[]> {
  const gateway = await context.gateway([{ name: 'trap', launch: trapLaunch() }]);
  const client = new StreamableClient(`${gateway.url('trap')}/mcp`);
  await client.initialize();
  const { growth, value } = await growthDuring(gateway, async () => {
    const sent = [];
    for (const shape of shapes()) sent.push(await send(client, shape));
    return sent;
  });
  const longest = value.reduce((most, { ms }) => Math.max(most, ms), 0);
  await client.request('"after"', 'ping');
  await client.close();
  return [
    ...value.map(({ finding }) => finding),
    bar(
      `longest refusal, median of ${TIMES}, sending included`,
      `${longest.toFixed(1)} ms`,
      `< ${TIME_BAR_MS} ms`,
      longest < TIME_BAR_MS,
    ),
    memoryFinding('all of these', growth),
  ];
}

export const structures: FullCase = { row: 'T-34', run };
