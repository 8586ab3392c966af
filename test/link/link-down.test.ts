import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { createLinkServer } from '../../src/link/link-server.ts';
import { createSocketLink, WAIT_LIMIT } from '../../src/link/socket-link.ts';
import { Harness, request, TestClient } from '../sessions/harness.ts';
import { calm, until } from './waiting.ts';
import { Wire } from './wire.ts';

const NOTE = '{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}';
const HELLO = '{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}';

describe('a link that is down', () => {
  it('lets requests wait for a minute, then refuses them as busy', async () => {
    const clock = new ManualClock();
    const states: boolean[] = [];
    const link = createSocketLink({
      connect: () => Promise.reject(new Error('nobody is there')),
      instance: 'gateway',
      clock,
      onState: (up) => states.push(up),
    });
    const target = { server: 's', kind: 'session', key: 'n', principal: 'p' } as const;
    const one = new TestClient(link.conversation(target), undefined);
    const reader = one.call(request('1'));
    let noted: unknown;
    void one.note(NOTE).then((error) => {
      noted = error;
    });
    for (let waited = 0; waited < WAIT_LIMIT - 5_000; waited += 1_000) {
      clock.advance(1_000);
      await calmTurn();
    }
    expect(reader.error).toBeUndefined();
    clock.advance(10_000);
    await calmTurn();
    expect(reader.error?.code).toBe('busy');
    expect(noted).toMatchObject({ code: 'busy' });
    // Doubling waits: far fewer attempts than the first wait alone would give.
    expect(states.every((up) => !up)).toBe(true);
    expect(states.length).toBeGreaterThan(10);
    expect(states.length).toBeLessThan(60);
    await link.close();
    await link.close();
  });

  it('keeps readers for a minute, then tells them that they are lost', async () => {
    const clock = new ManualClock();
    const harness = new Harness();
    const server = createLinkServer(harness.supervisor);
    let wire: Wire | undefined;
    const link = createSocketLink({
      connect: () => {
        if (wire) return Promise.reject(new Error('nobody is there'));
        wire = new Wire();
        server.serve(wire.supervisor);
        return Promise.resolve(wire.gateway);
      },
      instance: 'gateway',
      clock,
    });
    const target = { server: 'the-server', kind: 'session', key: 'n', principal: 'p' } as const;
    const reader = new TestClient(link.conversation(target), { delivery: 'single' }).attach();
    await until('the reader', () => reader.stream === 0);
    wire?.cut();
    await until('the loss', () => server.gateways === 0);
    await calm();
    clock.advance(WAIT_LIMIT - 5_000);
    expect(reader.ends).toEqual([]);
    clock.advance(10_000);
    expect(reader.ends).toEqual(['lost']);
    await link.close();
    await server.close();
    await harness.close();
  });

  it('gives the streams of idle conversations back and opens them anew', async () => {
    const clock = new ManualClock();
    const harness = new Harness();
    const streams: string[] = [];
    const server = createLinkServer({
      conversation: (target) => {
        streams.push(target.key);
        return harness.supervisor.conversation(target);
      },
    });
    const link = createSocketLink({
      connect: () => {
        const wire = new Wire();
        server.serve(wire.supervisor);
        return Promise.resolve(wire.gateway);
      },
      instance: 'gateway',
      clock,
    });
    const target = { server: 'the-server', kind: 'session', key: 'n', principal: 'p' } as const;
    const one = new TestClient(link.conversation(target), { delivery: 'streams' });
    const first = one.call(request('"init"', 'initialize', HELLO));
    await until('the answer', () => first.ends.length > 0);
    await calm();
    for (let idle = 0; idle < 7; idle++) {
      clock.advance(10_000);
      await calm();
    }
    expect(await one.note(NOTE)).toBeUndefined();
    expect(await one.note(NOTE)).toBeUndefined();
    expect(streams).toEqual(['n', 'n']);
    await link.close();
    await server.close();
    await harness.close();
  });

  it('gives a connection up that answers no ping', async () => {
    const clock = new ManualClock();
    const harness = new Harness();
    const server = createLinkServer(harness.supervisor);
    const wires: Wire[] = [];
    const link = createSocketLink({
      connect: () => {
        const wire = new Wire();
        wires.push(wire);
        server.serve(wire.supervisor);
        return Promise.resolve(wire.gateway);
      },
      instance: 'gateway',
      clock,
    });
    await until('the connection', () => server.gateways === 1);
    clock.advance(15_000);
    await calm();
    expect(wires).toHaveLength(1);
    (wires[0] as Wire).mute = true;
    clock.advance(30_000);
    await calm();
    clock.advance(1_000);
    await until('the next connection', () => wires.length === 2);
    await link.close();
    await server.close();
    await harness.close();
  });
});

async function calmTurn(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}
