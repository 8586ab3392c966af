/** A supervisor that is about to end: what it has goes on, what it has not begun goes elsewhere. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import type { Link } from '../../src/link/link.ts';
import { createLinkServer, type LinkServer } from '../../src/link/link-server.ts';
import { createSocketLink } from '../../src/link/socket-link.ts';
import { Harness, message, request, TestClient, TestReader } from '../sessions/harness.ts';
import { modernParams } from '../sessions/modern-client.ts';
import { calm, until } from './waiting.ts';
import { Wire } from './wire.ts';

const HELLO = '{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}';

let harness: Harness;
let clock: ManualClock;
let server: LinkServer;
let link: Link;
let wires: Wire[];

beforeEach(() => {
  harness = new Harness();
  clock = new ManualClock();
  server = createLinkServer(harness.supervisor, { clock });
  wires = [];
  const connect = (): Promise<Wire['gateway']> => {
    const wire = new Wire();
    wires.push(wire);
    server.serve(wire.supervisor);
    return Promise.resolve(wire.gateway);
  };
  link = createSocketLink({ connect, instance: 'gateway', clock });
});
afterEach(async () => {
  await link.close();
  await server.close();
  await harness.close();
});

const client = (key: string): TestClient =>
  new TestClient(
    link.conversation({ server: harness.definition.id, kind: 'session', key, principal: 'alice' }),
    { delivery: 'streams' },
  );

async function opened(): Promise<TestClient> {
  const one = client('old');
  const reader = one.call(request('"init"', 'initialize', HELLO));
  await until('the handshake', () => reader.ends.length > 0);
  return one;
}

let calls = 0;
function modernCall(): TestReader {
  const target = { server: harness.definition.id, kind: 'modern', key: '', principal: 'alice' } as const;
  const text = request(`${++calls}`, 'tools/call', modernParams({ name: 'tool' }));
  const reader = new TestReader();
  const asked = { key: `modern-${calls}`, messages: [message(text)], batch: false };
  reader.attachment = link.conversation(target).call(asked, reader);
  return reader;
}

const over = ({ ends, error }: TestReader): boolean => ends.length > 0 || error !== undefined;

it('serves the sessions that are there, and refuses what begins', async () => {
  const one = await opened();
  const running = one.call(request('1'));
  await until('the call', () => harness.server.of('tools/call').length > 0);
  server.leave();
  await calm();
  const fresh = client('new').call(request('"init"', 'initialize', HELLO));
  const call = modernCall();
  const further = one.call(request('2'));
  await until('the further call', () => harness.server.of('tools/call').length > 1);
  for (const { id } of harness.server.of('tools/call')) harness.server.answer(id, { value: id });
  await until('the ends', () => [fresh, call, running, further].every(over));
  expect([fresh, call].map(({ error }) => error?.code)).toEqual(['resting', 'resting']);
  expect([running, further].map(({ lines }) => lines.map(({ id }) => id))).toEqual([[1], [2]]);
});

it('is left by its gateways once nothing is in hand', async () => {
  const one = await opened();
  const running = one.call(request('1'));
  await until('the call', () => harness.server.of('tools/call').length > 0);
  server.leave();
  let closed = false;
  const closing = server.close().then(() => {
    closed = true;
  });
  await calm();
  expect(closed).toBe(false);
  harness.server.answer(harness.server.id('tools/call'));
  await closing;
  expect([running.ends, running.lines.length]).toEqual([['complete'], 1]);
});

it('waits no longer than a while for one that does not go', async () => {
  const one = await opened();
  one.call(request('1'));
  await until('the call', () => harness.server.of('tools/call').length > 0);
  server.leave();
  let closed = false;
  const closing = server.close().then(() => {
    closed = true;
  });
  await calm();
  clock.advance(2_900);
  await calm();
  expect(closed).toBe(false);
  clock.advance(100);
  await calm();
  // What was written before the end has its time to go.
  clock.advance(1_000);
  await closing;
});

it('is told of no call twice that was asked for before it was left', async () => {
  await until('the connection', () => server.gateways === 1);
  const [wire] = wires;
  await calm();
  const call = modernCall();
  await until('the server', () => harness.servers.length > 0);
  wire?.cut();
  server.leave();
  await until('the link is back', () => {
    clock.advance(50);
    return wires.length > 1;
  });
  await until('the call', () => harness.server.of('tools/call').length > 0);
  harness.server.answer(harness.server.id('tools/call'));
  await until('the answer', () => over(call));
  expect([call.error, call.ends, harness.server.of('tools/call').length]).toEqual([
    undefined,
    ['complete'],
    1,
  ]);
});

it('is asked again when it runs anew', async () => {
  await opened();
  server.leave();
  await server.close();
  const refused = modernCall();
  expect(refused.error?.code).toBe('resting');
  server = createLinkServer(harness.supervisor, { clock });
  await until('the link is back', () => {
    clock.advance(50);
    return server.gateways > 0;
  });
  await calm();
  const call = modernCall();
  await until('the call', () => harness.servers.some((one) => one.of('tools/call').length > 0));
  const last = harness.servers.at(-1);
  last?.answer(last.id('tools/call'));
  await until('the answer', () => over(call));
  expect([call.error, call.ends]).toEqual([undefined, ['complete']]);
});
