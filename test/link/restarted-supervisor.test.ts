/** A link whose supervisor has been replaced by another run: what the old one was asked for is never asked of the new one. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Link } from '../../src/link/link.ts';
import { createLinkServer, type LinkServer } from '../../src/link/link-server.ts';
import { createSocketLink } from '../../src/link/socket-link.ts';
import type { ConversationTarget } from '../../src/sessions/conversation.ts';
import { Harness, message, request, TestClient, TestReader } from '../sessions/harness.ts';
import { modernParams } from '../sessions/modern-client.ts';
import { calm, until } from './waiting.ts';
import { Wire } from './wire.ts';

const HELLO = '{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}';

describe('a supervisor that was killed and runs anew', () => {
  const harnesses: Harness[] = [];
  const servers: LinkServer[] = [];
  let wires: Wire[];
  let reachable: boolean;
  let link: Link;

  const start = (): void => {
    const harness = new Harness({ sessions: 'none' });
    harnesses.push(harness);
    servers.push(createLinkServer(harness.supervisor));
  };
  const harness = (): Harness => harnesses.at(-1) as Harness;
  const wire = (): Wire => wires.at(-1) as Wire;
  /** Another run takes its place; gateways notice nothing but a cut. */
  const restart = (): void => {
    start();
    wire().cut();
  };
  const target = (kind: 'affinity' | 'modern'): ConversationTarget => {
    return { server: harness().definition.id, kind, key: '', principal: 'alice' };
  };
  const call = (kind: 'affinity' | 'modern', id = '1'): TestReader => {
    const reader = new TestReader();
    const params = kind === 'modern' ? modernParams({ name: 'ask' }, { capabilities: {} }) : '{}';
    const messages = [message(request(id, 'tools/call', params))];
    const asked = { key: `key-${id}`, messages, batch: false, ...(kind === 'modern' && { modern: {} }) };
    reader.attachment = link.conversation(target(kind)).call(asked, reader);
    return reader;
  };
  const executed = (run: Harness): number =>
    run.servers.reduce((sum, server) => sum + server.of('tools/call').length, 0);

  beforeEach(async () => {
    [wires, reachable] = [[], true];
    start();
    link = createSocketLink({
      connect: () => {
        if (!reachable) return Promise.reject(new Error('nobody is there'));
        const made = new Wire();
        wires.push(made);
        servers.at(-1)?.serve(made.supervisor);
        return Promise.resolve(made.gateway);
      },
      instance: 'gateway',
    });
    await until('the first connection', () => servers.at(-1)?.gateways === 1);
    await calm();
  });
  afterEach(async () => {
    await link.close();
    for (const server of servers.splice(0)) await server.close();
    for (const one of harnesses.splice(0)) await one.close();
  });

  it.each(['affinity', 'modern'] as const)(
    'is not asked for a call (%s) that its predecessor may have carried out',
    async (kind) => {
      const old = harness();
      wire().mute = true;
      const reader = call(kind);
      await until('the call', () => executed(old) === 1);
      expect(reader.stream).toBeUndefined();
      restart();
      await until('a definite error', () => reader.error !== undefined);
      expect(reader.error).toMatchObject({ code: 'process-exited' });
      expect(reader.error?.message).toMatch(/not known whether/);
      await calm();
      expect(executed(harness())).toBe(0);
    },
  );

  it.each(['affinity', 'modern'] as const)(
    'is not asked for a stream (%s) of its predecessor, whose number may be that of another call',
    async (kind) => {
      const reader = call(kind);
      await until('the acceptance', () => reader.stream !== undefined);
      restart();
      await until('the end', () => reader.ends.length > 0);
      expect(reader.ends).toEqual(['ended']);
      await calm();
      expect(harness().servers).toHaveLength(0);
    },
  );

  it('is asked for what waited for it and was never sent', async () => {
    const one = call('affinity');
    await until('the acceptance', () => one.stream !== undefined);
    reachable = false;
    restart();
    await until('the loss', () => servers[0]?.gateways === 0);
    const two = call('affinity', '2');
    await calm();
    reachable = true;
    await until('the call', () => harness().servers.length > 0 && executed(harness()) === 1);
    harness().server.answer(harness().server.id('tools/call'));
    await until('the answer', () => two.ends.length > 0);
    expect(two.lines).toMatchObject([{ id: 2 }]);
    expect(one.ends).toEqual(['ended']);
  });

  it('knows no session of its predecessor', async () => {
    const client = new TestClient(
      link.conversation({ server: harness().definition.id, kind: 'session', key: 'n', principal: 'alice' }),
      { delivery: 'streams' },
    );
    const first = client.call(request('"init"', 'initialize', HELLO));
    await until('the handshake', () => first.ends.length > 0);
    wire().mute = true;
    const reader = client.call(request('1'));
    await until('the call', () => executed(harness()) === 1);
    restart();
    await until('the refusal', () => reader.error !== undefined);
    expect(reader.error?.code).toBe('unknown-session');
    expect(harness().servers).toHaveLength(0);
  });

  it('is gone for good with its link: what it was asked for is over, what it was not goes elsewhere', async () => {
    wire().mute = true;
    const sent = call('affinity');
    await until('the call', () => harness().servers.length > 0 && executed(harness()) === 1);
    reachable = false;
    wire().cut();
    await until('the loss', () => servers[0]?.gateways === 0);
    const waiting = call('affinity', '2');
    await link.close({ gone: true });
    expect([sent.error?.code, waiting.error?.code]).toEqual(['process-exited', 'resting']);
  });

  it('is gone for good with a session that it had not taken yet: that is opened elsewhere, and what belongs to one that was is refused', async () => {
    const conversation = (key: string) =>
      link.conversation({ server: harness().definition.id, kind: 'session', key, principal: 'alice' });
    const known = new TestClient(conversation('known'), { delivery: 'streams' });
    const first = known.call(request('"init"', 'initialize', HELLO));
    await until('the handshake', () => first.ends.length > 0);
    wire().mute = true;
    const opened = new TestClient(conversation('new'), { delivery: 'streams' });
    const opening = opened.call(request('"init"', 'initialize', HELLO));
    const asked = known.call(request('1'));
    await until('the call', () => executed(harness()) === 1);
    expect([opening.stream, asked.stream]).toEqual([undefined, undefined]);
    reachable = false;
    wire().cut();
    await until('the loss', () => servers[0]?.gateways === 0);
    const later = opened.attach(0, undefined, new TestReader());
    const never = known.call(request('2'));
    const noted = known.note('{"jsonrpc":"2.0","method":"notifications/initialized"}');
    await link.close({ gone: true });
    expect([opening, asked, later, never].map(({ error }) => error?.code)).toEqual([
      ...['resting', 'process-exited', 'unknown-session', 'unknown-session'],
    ]);
    expect((await noted)?.code).toBe('unknown-session');
  });

  it.each([
    ['is gone for good', true],
    ['runs anew', false],
  ])(
    'and the session with it, when it %s, as a stream learns that was asked for on a dead connection',
    async (_how, gone) => {
      const session = {
        server: harness().definition.id,
        kind: 'session',
        key: 'known',
        principal: 'alice',
      } as const;
      const known = new TestClient(link.conversation(session), { delivery: 'streams' });
      const first = known.call(request('"init"', 'initialize', HELLO));
      await until('the handshake', () => first.ends.length > 0);
      wire().mute = true;
      const listener = known.attach();
      await calm();
      if (gone) reachable = false;
      else start();
      wire().cut();
      await until('the loss', () => servers[0]?.gateways === 0);
      if (gone) await link.close({ gone: true });
      await until('the refusal', () => listener.error !== undefined);
      expect(listener.error?.code).toBe('unknown-session');
    },
  );

  it('is the same one after a mere cut: the call goes on', async () => {
    wire().mute = true;
    const reader = call('affinity');
    await until('the call', () => harness().servers.length > 0 && executed(harness()) === 1);
    wire().cut();
    await until('the acceptance', () => reader.stream !== undefined);
    harness().server.answer(harness().server.id('tools/call'));
    await until('the answer', () => reader.ends.length > 0);
    expect(reader.ends).toEqual(['complete']);
    expect(executed(harness())).toBe(1);
  });
});
