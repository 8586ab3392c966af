/** What is on its way to a supervisor that ends: it was not taken, so that it can go elsewhere. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Link } from '../../src/link/link.ts';
import { createSocketLink } from '../../src/link/socket-link.ts';
import { connectUnixSocket } from '../../src/link/unix-socket.ts';
import { type RunningSupervisor, runSupervisor } from '../../src/supervisor/main.ts';
import { calm, until } from '../link/waiting.ts';
import { Wire } from '../link/wire.ts';
import { message, request, TestReader } from '../sessions/harness.ts';
import { modernParams } from '../sessions/modern-client.ts';

const FIXTURE = new URL('../fixtures/processes/recorder.mjs', import.meta.url).pathname;
const server = randomUUID();
let folder: string;
let running: RunningSupervisor;
let link: Link;
/** What the gateway says, while it is held up. */
let held: Buffer[] | undefined;
let toSupervisor: Duplex;

const connect = async (): Promise<Duplex> => {
  const wire = new Wire();
  const socket = await connectUnixSocket(join(folder, 'socket'));
  toSupervisor = socket;
  socket.on('error', () => {});
  wire.supervisor.on('data', (bytes: Buffer) => (held ? held.push(bytes) : socket.write(bytes)));
  wire.supervisor.once('end', () => held || socket.end());
  socket.on('data', (bytes: Buffer) => wire.supervisor.write(bytes));
  socket.once('close', () => wire.supervisor.destroy());
  return wire.gateway;
};

function letGo(): void {
  for (const bytes of held ?? []) toSupervisor.write(bytes);
  held = undefined;
}

let calls = 0;
function call(): TestReader {
  const conversation = link.conversation({ server, kind: 'modern', key: '', principal: 'alice' });
  const key = `key-${++calls}`;
  const text = request(`${calls}`, 'tools/call', modernParams({ name: 'executions' }));
  const reader = new TestReader();
  reader.attachment = conversation.call({ key, messages: [message(text)], batch: false }, reader);
  return reader;
}

const over = ({ ends, error }: TestReader): boolean => ends.length > 0 || error !== undefined;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'berth-leaving-'));
  const config = join(folder, 'supervisor.json');
  const launch = { file: process.execPath, args: [FIXTURE], env: {}, cwd: folder };
  const definition = { id: server, name: 'recorder', launch, isolation: 'session', sessions: 'minted' };
  writeFileSync(
    config,
    JSON.stringify({ dataDir: join(folder, 'data'), servers: [definition], drain: 60_000 }),
  );
  held = undefined;
  running = await runSupervisor({ socket: join(folder, 'socket'), config });
  link = createSocketLink({ connect, instance: 'gateway' });
  const first = call();
  await until('an answer', () => over(first));
  expect(first.ends).toEqual(['complete']);
});
afterEach(async () => {
  await link.close();
  await running.close();
  rmSync(folder, { recursive: true });
});

it('refuses a call that was on its way as one that was not taken', async () => {
  held = [];
  const late = call();
  const closing = running.close();
  await calm();
  expect(over(late)).toBe(false);
  letGo();
  await closing;
  // Its pod is gone.
  await link.close({ gone: true });
  expect([late.error?.code, late.ends, late.events]).toEqual(['resting', [], []]);
});

it('refuses what comes after it said that it ends, without asking', async () => {
  const closing = running.close();
  await closing;
  const late = call();
  await until('the refusal', () => over(late));
  expect([late.error?.code, late.ends, late.events]).toEqual(['resting', [], []]);
});
