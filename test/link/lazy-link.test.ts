import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import type { Link } from '../../src/link/link.ts';
import { createLinkServer, type LinkServer } from '../../src/link/link-server.ts';
import { createSocketLink } from '../../src/link/socket-link.ts';
import { Harness, request, TestClient } from '../sessions/harness.ts';
import { calm, until } from './waiting.ts';
import { Wire } from './wire.ts';

const HELLO = '{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}';

describe('a lazy link', () => {
  let clock: ManualClock;
  let harness: Harness;
  let server: LinkServer;
  let link: Link;
  let wires: Wire[];

  beforeEach(() => {
    clock = new ManualClock();
    harness = new Harness();
    server = createLinkServer(harness.supervisor);
    wires = [];
    link = createSocketLink({
      connect: () => {
        const wire = new Wire();
        wires.push(wire);
        server.serve(wire.supervisor);
        return Promise.resolve(wire.gateway);
      },
      instance: 'gateway',
      lazy: true,
      clock,
    });
  });
  afterEach(async () => {
    await link.close();
    await server.close();
    await harness.close();
  });

  const client = (key: string) =>
    new TestClient(link.conversation({ server: 'the-server', kind: 'session', key, principal: 'p' }), {
      delivery: 'streams',
    });
  const initialize = async (one: TestClient) => {
    const first = one.call(request('"init"', 'initialize', HELLO));
    await until('the answer', () => first.ends.length > 0);
    await calm();
  };
  const pass = async (seconds: number) => {
    for (let at = 0; at < seconds; at += 10) {
      clock.advance(10_000);
      await calm();
    }
  };

  it('connects at its first use', async () => {
    await pass(30);
    expect(wires).toHaveLength(0);
    await initialize(client('a'));
    expect(wires).toHaveLength(1);
  });

  it('gives its connection back after an idle minute, and makes another for the next request', async () => {
    const one = client('a');
    await initialize(one);
    await pass(50);
    expect(server.gateways).toBe(1);
    await pass(30);
    await until('the end', () => server.gateways === 0);
    await pass(60);
    expect(wires).toHaveLength(1);
    const call = one.call(request('1'));
    await until('the call', () => harness.server.of('tools/call').length > 0);
    harness.server.answer(harness.server.id('tools/call'));
    await until('the answer', () => call.ends.length > 0);
    expect(wires).toHaveLength(2);
    expect(harness.servers).toHaveLength(1);
  });

  it('stays for as long as a call is in flight', async () => {
    const one = client('a');
    await initialize(one);
    one.call(request('1'));
    await pass(180);
    expect(server.gateways).toBe(1);
  });

  it('is closed while it sleeps', async () => {
    await link.close();
    const reader = client('a').call(request('1'));
    expect(reader.error?.code).toBe('busy');
    expect(wires).toHaveLength(0);
  });
});
