/** T-33: bodies, batches and headers at their limits, and lies about lengths. */
import { requestText } from '../../../test/support/mcp-client.ts';
import { StreamableClient } from '../../../test/support/streamable-client.ts';
import { session } from '../../../test/support/transports.ts';
import { trapLaunch } from '../../../test/support/trap.ts';
import { bar, type Finding, type FullCase, type FullContext } from '../case.ts';
import { bytewise, LIES, type Lie } from '../lies.ts';
import { growthDuring, memoryFinding } from '../measure.ts';
import { sendRaw } from '../raw.ts';

const LIMIT = 4 * 2 ** 20;
const BATCH = 100;
const HEADERS = 100;
const HEAD_BYTES = 16 * 1024;
const REPEATS = 20;
const AT_ONCE = 8;

let lastId = 0;

function padded(bytes: number): string {
  const id = String(++lastId);
  const text = (pad: string): string => requestText(id, 'trap/log', `{"pad":"${pad}"}`);
  return text('x'.repeat(bytes - text('').length));
}

function batch(size: number): string {
  return `[${Array.from({ length: size }, () => requestText(String(++lastId), 'ping')).join(',')}]`;
}

async function status(client: StreamableClient, body: string): Promise<number> {
  const response = await client.post(body);
  await response.body().catch(() => undefined);
  return response.status;
}

function head(client: StreamableClient): string[] {
  const own = Object.entries(client.headers()).map(([name, value]) => `${name}: ${value}`);
  return [
    'Content-Type: application/json',
    'Accept: application/json, text/event-stream',
    ...own,
    'Connection: close',
  ];
}

/** A request with exactly `count` header fields. */
function manyHeaders(client: StreamableClient, count: number): Promise<string> {
  const body = requestText(String(++lastId), 'ping');
  const fixed = [...head(client), `Content-Length: ${body.length}`];
  // Host is one more.
  const more = Array.from({ length: count - fixed.length - 1 }, (_, index) => `X-${index}: 1`);
  return sendRaw(client.url, [...more, ...fixed], body);
}

/** A request whose head has exactly `bytes` bytes. */
function longHead(client: StreamableClient, bytes: number): Promise<string> {
  const body = requestText(String(++lastId), 'ping');
  const fixed = [...head(client), `Content-Length: ${body.length}`];
  const { host, pathname } = new URL(client.url);
  const empty = [`POST ${pathname} HTTP/1.1`, `Host: ${host}`, ...fixed, 'X-Pad: ', '', ''].join(
    '\r\n',
  ).length;
  return sendRaw(client.url, [...fixed, `X-Pad: ${'x'.repeat(bytes - empty)}`], body);
}

/** The largest head that is taken, by halving. */
async function largestHead(client: StreamableClient): Promise<number> {
  let good = HEAD_BYTES / 2;
  let bad = HEAD_BYTES * 2;
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    if ((await longHead(client, middle)) === '200') good = middle;
    else bad = middle;
  }
  return good;
}

function expected(
  what: string,
  got: readonly (string | number)[],
  wanted: readonly (string | number)[],
): Finding {
  return bar(what, got.join(', '), wanted.join(', '), got.join() === wanted.join());
}

async function limits(client: StreamableClient, base: string): Promise<Finding[]> {
  const bodies = [];
  for (const bytes of [LIMIT - 1, LIMIT, LIMIT + 1]) bodies.push(await status(client, padded(bytes)));
  const batches = [];
  for (const size of [BATCH - 1, BATCH, BATCH + 1]) batches.push(await status(client, batch(size)));
  const headers = [];
  for (const count of [HEADERS - 1, HEADERS, HEADERS + 1]) headers.push(await manyHeaders(client, count));
  const sse = await session('sse', base);
  const posts = [];
  for (const bytes of [LIMIT - 1, LIMIT, LIMIT + 1]) posts.push(await sse.send(padded(bytes)));
  await sse.close();
  const largest = await largestHead(client);
  return [
    expected('bodies of 4 MiB −1, 4 MiB, +1 (Streamable HTTP): status', bodies, [200, 200, 413]),
    expected('bodies of 4 MiB −1, 4 MiB, +1 (SSE): status', posts, [202, 202, 413]),
    expected('batches of 99, 100, 101 (2025-03-26): status', batches, [200, 200, 400]),
    expected('99, 100, 101 header fields: status', headers, ['200', '200', '431']),
    bar(
      'largest head that is taken',
      `${largest} bytes`,
      '16 KiB ± 2 %',
      Math.abs(largest / HEAD_BYTES - 1) < 0.02,
    ),
  ];
}

async function overWebSocket(base: string): Promise<Finding> {
  const got: string[] = [];
  for (const bytes of [LIMIT - 1, LIMIT, LIMIT + 1]) {
    const client = await session('websocket', base);
    const id = String(lastId + 1);
    await client.send(padded(bytes));
    const answer = await client.inbox.answer(id).catch((error: Error) => error);
    got.push(
      answer instanceof Error ? (/closed with \d+/.exec(answer.message)?.[0] ?? 'nothing') : 'answered',
    );
    await client.close();
  }
  return expected('messages of 4 MiB −1, 4 MiB, +1 (WebSocket)', got, [
    'answered',
    'answered',
    'closed with 1009',
  ]);
}

async function tell(client: StreamableClient, lie: Lie): Promise<Finding> {
  const statuses = new Set<string>();
  for (let time = 0; time < REPEATS; time++) {
    statuses.add(await sendRaw(client.url, [...head(client), ...lie.headers], lie.body, lie.half));
  }
  const got = [...statuses].join(', ');
  return bar(
    `${lie.what}, ${REPEATS} times: status`,
    got,
    lie.wanted.join(' or '),
    [...statuses].every((each) => lie.wanted.includes(each)),
  );
}

async function run(context: FullContext): Promise<Finding[]> {
  const gateway = await context.gateway([{ name: 'trap', launch: trapLaunch() }]);
  const base = gateway.url('trap');
  const client = new StreamableClient(`${base}/mcp`, { protocolVersion: '2025-03-26' });
  await client.initialize();
  const findings: Finding[] = [];
  const atLimits = await growthDuring(gateway, async () => {
    findings.push(...(await limits(client, base)), await overWebSocket(base));
  });
  findings.push(memoryFinding('all of these', atLimits.growth));
  const lies = await growthDuring(gateway, async () => {
    for (const lie of LIES) findings.push(await tell(client, lie));
  });
  findings.push(memoryFinding('all lies', lies.growth));
  const large = await growthDuring(gateway, () =>
    Promise.all(Array.from({ length: AT_ONCE }, () => status(client, padded(LIMIT + 1)))),
  );
  findings.push(memoryFinding(`${AT_ONCE} bodies of 4 MiB + 1 at once`, large.growth));
  const tiny = await growthDuring(gateway, () => bytewise(client.url, head(client), padded(LIMIT)));
  findings.push(
    bar('a body of 4 MiB in chunks of one byte: status', tiny.value, '200', tiny.value === '200'),
  );
  findings.push(memoryFinding('that body', tiny.growth));
  const alive = (await client.request('"alive"', 'ping')).message.result !== undefined;
  await client.close();
  return [
    ...findings,
    bar('the same session afterwards', alive ? 'answers' : 'does not answer', 'answers', alive),
  ];
}

export const sizes: FullCase = { row: 'T-33', run };
