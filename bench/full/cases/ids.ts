/** T-19: a million sealed ids, and many openings of the same thing at once. */
import { randomBytes } from 'node:crypto';
import { createSealer, type Sealer } from '../../../src/auth/seal.ts';
import { StreamableClient } from '../../../test/support/streamable-client.ts';
import { session } from '../../../test/support/transports.ts';
import { trapLaunch, until } from '../../../test/support/trap.ts';
import { bar, type Finding, type FullCase, type FullContext } from '../case.ts';

const IDS = 1_000_000;
const SERVER = '6f1c1e9e-2f7b-4b1e-9b1c-0d5f6f0a7c11';
/** Format and key name stand in front; all behind them must look random. */
const CONSTANT_BYTES = 5;
const MOST_SIGMA = 6;
const ALTERED = 100_000;
const SESSIONS = 400;
const RACERS = 200;

function sealOne(sealer: Sealer): string {
  const nonce = randomBytes(18).toString('base64url');
  return sealer.seal(SERVER, {
    replica: 'local',
    nonce,
    principal: 'AAAAAAAAAAAAAAAAAAAAAA',
    issuedAt: Date.now(),
  });
}

/** The farthest that any bit's share of ones lies from a half, in standard deviations. */
function worstBit(ones: Float64Array, count: number): number {
  return ones.reduce((worst, each) => Math.max(worst, Math.abs(each - count / 2) / Math.sqrt(count / 4)), 0);
}

function sealed(): Finding[] {
  const sealer = createSealer({
    keys: [{ name: randomBytes(4).toString('base64url'), secret: randomBytes(32) }],
  });
  const seen = new Set<string>();
  const bits = (Buffer.from(sealOne(sealer), 'base64url').length - CONSTANT_BYTES) * 8;
  const ones = new Float64Array(bits);
  let forged = 0;
  for (let made = 0; made < IDS; made++) {
    const id = sealOne(sealer);
    seen.add(id);
    const bytes = Buffer.from(id, 'base64url').subarray(CONSTANT_BYTES);
    for (let bit = 0; bit < bits; bit++)
      ones[bit] = (ones[bit] ?? 0) + (((bytes[bit >> 3] ?? 0) >> (bit & 7)) & 1);
    if (made < ALTERED && sealer.open(altered(id, made), SERVER) !== undefined) forged++;
  }
  const worst = worstBit(ones, IDS);
  return [
    bar(`${IDS} sealed ids`, `${IDS - seen.size} equal`, '0', seen.size === IDS),
    bar(
      `share of ones of each of their ${bits} varying bits`,
      `farthest from a half: ${worst.toFixed(2)} standard deviations`,
      `< ${MOST_SIGMA}`,
      worst < MOST_SIGMA,
    ),
    bar(`${ALTERED} ids with one character changed`, `${forged} opened`, '0', forged === 0),
  ];
}

function altered(id: string, at: number): string {
  const place = at % id.length;
  return `${id.slice(0, place)}${id[place] === 'A' ? 'q' : 'A'}${id.slice(place + 1)}`;
}

async function openedAtOnce(base: string): Promise<Finding> {
  const opened = await Promise.all(Array.from({ length: SESSIONS }, () => session('streamable-http', base)));
  const unique = new Set(opened.map((client) => (client as StreamableClient).session));
  await Promise.all(opened.map((client) => client.close()));
  return bar(
    `${SESSIONS} sessions opened at once`,
    `${unique.size} different ids`,
    `${SESSIONS}`,
    unique.size === SESSIONS,
  );
}

async function streamRace(base: string): Promise<Finding[]> {
  const client = new StreamableClient(`${base}/mcp`);
  await client.initialize();
  const streams = await Promise.all(Array.from({ length: RACERS }, () => client.get()));
  const opened = streams.filter(({ status }) => status === 200);
  let left = opened.length;
  for (const stream of opened) void stream.gone().then(() => left--);
  await until('one stream is left', () => left === 1).catch(() => undefined);
  await client.tool('later', { messages: RACERS });
  const sent: unknown[] = [];
  const carriers = new Set<string>();
  for (let got = 0; got < RACERS; got++) {
    const { message, stream } = await client.inbox.method('notifications/tools/list_changed');
    sent.push(message.params?.sent);
    carriers.add(stream);
  }
  const inOrder = sent.every((value, index) => value === index) && client.inbox.waiting.length === 0;
  const findings = [
    bar(
      `${RACERS} standalone streams of one session opened at once`,
      `${opened.length} opened, ${left} left open`,
      '1 left open',
      left === 1,
    ),
    bar(
      `${RACERS} notifications after it`,
      `${inOrder ? 'each once and in order' : 'not each once and in order'}, on ${carriers.size} stream(s)`,
      'each once, on 1 stream',
      inOrder && carriers.size === 1,
    ),
  ];
  await client.close();
  return findings;
}

async function run(context: FullContext): Promise<Finding[]> {
  const gateway = await context.gateway([
    { name: 'trap', launch: trapLaunch() },
    { name: 'shared', launch: trapLaunch(), isolation: 'shared' },
  ]);
  return [...sealed(), await openedAtOnce(gateway.url('shared')), ...(await streamRace(gateway.url('trap')))];
}

export const ids: FullCase = { row: 'T-19', run };
