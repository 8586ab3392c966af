import type { ClientHttp2Session } from 'node:http2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acceptCarrier, openCarrier, PATH } from '../../src/link/carrier.ts';
import { readRefused } from '../../src/link/error-record.ts';
import { helloRecord, LINK_VERSION, negotiate, readHello } from '../../src/link/hello.ts';
import type { Link } from '../../src/link/link.ts';
import { createLinkServer, type LinkServer } from '../../src/link/link-server.ts';
import { type LinkRecord, RECORD, startRecord } from '../../src/link/record.ts';
import { bareRecord, callRecord, jsonRecord } from '../../src/link/record-bodies.ts';
import { RecordStream } from '../../src/link/record-stream.ts';
import { createSocketLink } from '../../src/link/socket-link.ts';
import { Harness, message, request, TestClient } from '../sessions/harness.ts';
import { calm, until } from './waiting.ts';
import { Wire } from './wire.ts';

const INITIALIZE = request(
  '"init"',
  'initialize',
  '{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}',
);

/** A gateway that writes records by hand. */
class RawGateway {
  readonly session: ClientHttp2Session;
  readonly records: LinkRecord[] = [];
  readonly hello: RecordStream;

  constructor(server: LinkServer) {
    const wire = new Wire();
    server.serve(wire.supervisor);
    this.session = openCarrier(wire.gateway);
    this.hello = this.open(PATH.hello);
  }

  open(path: string): RecordStream {
    const stream = this.session.request({ ':method': 'POST', ':path': path }, { endStream: false });
    return new RecordStream(stream, { record: (record) => this.records.push(record), closed: () => {} });
  }

  converse(key: string): RecordStream {
    const stream = this.open(PATH.conversation);
    stream.send(
      jsonRecord(RECORD.target, 0, { server: 'the-server', kind: 'session', key, principal: 'alice' }),
    );
    return stream;
  }

  of(type: number): LinkRecord[] {
    return this.records.filter((record) => record.type === type);
  }

  async greet(hello: { instance: string; epoch: number; version?: number }): Promise<void> {
    this.hello.send(helloRecord({ version: LINK_VERSION, ...hello }));
    await until('an answer', () => this.records.length > 0 || this.session.destroyed);
  }
}

describe('hello', () => {
  let harness: Harness;
  let server: LinkServer;
  const raw: RawGateway[] = [];
  const gateway = (): RawGateway => {
    const one = new RawGateway(server);
    raw.push(one);
    return one;
  };

  beforeEach(() => {
    harness = new Harness();
    server = createLinkServer(harness.supervisor);
  });
  afterEach(async () => {
    for (const one of raw.splice(0)) one.session.destroy();
    await server.close();
    await harness.close();
  });

  it('fences the older connection of a gateway before it serves the newer one', async () => {
    const old = gateway();
    await old.greet({ instance: 'one', epoch: 1 });
    const conversation = old.converse('nonce');
    const how = { open: { delivery: 'streams' }, again: false } as const;
    conversation.send(callRecord(1, { key: 'a', messages: [message(INITIALIZE)], batch: false }, how));
    await until('the answer', () => old.of(RECORD.ended).length > 0);
    const next = gateway();
    await next.greet({ instance: 'one', epoch: 2 });
    await until('the fence', () => old.session.destroyed);
    const known = old.records.length;
    conversation.send(callRecord(2, { key: 'b', messages: [message(request('1'))], batch: false }, how));
    await calm();
    expect(old.records).toHaveLength(known);
    expect(harness.server.of('tools/call')).toHaveLength(0);
    expect(server.gateways).toBe(1);
  });

  it('never serves an older connection that arrives late', async () => {
    const next = gateway();
    await next.greet({ instance: 'one', epoch: 2 });
    const late = gateway();
    await late.greet({ instance: 'one', epoch: 1 });
    await until('the end', () => late.session.destroyed);
    expect(late.of(RECORD.hello)).toHaveLength(0);
    expect(next.session.destroyed).toBe(false);
  });

  it('leaves the connections of other gateways alone', async () => {
    const [one, two] = [gateway(), gateway()];
    await one.greet({ instance: 'one', epoch: 7 });
    await two.greet({ instance: 'two', epoch: 1 });
    await calm();
    expect(server.gateways).toBe(2);
    expect(one.session.destroyed).toBe(false);
  });

  it('serves nothing before it', async () => {
    const one = gateway();
    const stream = one.converse('nonce');
    stream.send(bareRecord(RECORD.end, 1));
    await until('the end of the stream', () => stream.closed);
    expect(one.records).toEqual([]);
  });

  it.each([
    ['older', -2],
    ['newer', 2],
  ])('lets a gateway talk that is two versions %s', async (_name, skew) => {
    await server.close();
    server = createLinkServer(harness.supervisor, { version: 5 });
    const one = gateway();
    await one.greet({ instance: 'one', epoch: 1, version: 5 + skew });
    const [hello] = one.of(RECORD.hello);
    expect(readHello(hello?.body ?? Buffer.alloc(0)).version).toBe(Math.min(5, 5 + skew));
    const conversation = one.converse('nonce');
    // What a newer version may add: records of another type, and bytes behind the known ones.
    conversation.send([startRecord(200 as never, 9, { fixed: 0, more: 3 }), Buffer.from('new')]);
    conversation.send([startRecord(RECORD.end, 1, { fixed: 0, more: 4 }), Buffer.from('more')]);
    await until('the refusal', () => one.of(RECORD.refused).length > 0);
    expect(readRefused(one.of(RECORD.refused)[0]?.body ?? Buffer.alloc(0)).code).toBe('unknown-session');
  });

  it.each([-3, 3])('refuses a gateway %i versions away with what to do', async (skew) => {
    await server.close();
    server = createLinkServer(harness.supervisor, { version: 5 });
    const one = gateway();
    await one.greet({ instance: 'one', epoch: 1, version: 5 + skew });
    const [refused] = one.of(RECORD.refused);
    const error = readRefused(refused?.body ?? Buffer.alloc(0));
    expect(error.code).toBe('conflict');
    expect(error.hint).toContain('two link versions');
  });

  it('negotiates the lower version', () => {
    expect([negotiate(3, 1), negotiate(3, 3), negotiate(3, 5)]).toEqual([1, 3, 3]);
    expect(() => negotiate(1, 4)).toThrow('too far apart');
  });

  it.each([1, 3])('lets a link of version %i serve calls with a supervisor of version 2', async (version) => {
    await server.close();
    server = createLinkServer(harness.supervisor, { version: 2 });
    const link: Link = createSocketLink({
      connect: () => {
        const wire = new Wire();
        server.serve(wire.supervisor);
        return Promise.resolve(wire.gateway);
      },
      instance: 'gateway',
      version,
    });
    const target = { server: 'the-server', kind: 'session', key: 'nonce', principal: 'alice' } as const;
    const reader = new TestClient(link.conversation(target), { delivery: 'streams' }).call(INITIALIZE);
    await until('the answer', () => reader.ends.length > 0);
    await link.close();
  });

  it('tells the gateway why it is not served', async () => {
    await server.close();
    server = createLinkServer(harness.supervisor, { version: 9 });
    const reasons: (string | undefined)[] = [];
    const link = createSocketLink({
      connect: () => {
        const wire = new Wire();
        server.serve(wire.supervisor);
        return Promise.resolve(wire.gateway);
      },
      instance: 'gateway',
      onState: (_up, error) => reasons.push(error?.code),
    });
    await until('the reason', () => reasons.length > 0);
    await link.close();
    expect(reasons[0]).toBe('conflict');
  });

  it('drops a peer that sends no records', async () => {
    const one = gateway();
    one.hello.send([Buffer.from([0, 0, 0, 0, 1, 2, 3])]);
    await until('the end', () => one.session.destroyed);
  });

  it('drops a gateway that does not answer like a supervisor', async () => {
    const wire = new Wire();
    const peer = acceptCarrier(wire.supervisor);
    peer.on('stream', (stream) => {
      stream.respond({ ':status': 200 });
      const records = new RecordStream(stream, { record: () => {}, closed: () => {} });
      records.send(jsonRecord(RECORD.hello, 0, { hello: 'who?' }));
    });
    let tries = 0;
    const link = createSocketLink({
      connect: () => (tries++ === 0 ? Promise.resolve(wire.gateway) : Promise.reject(new Error('gone'))),
      instance: 'gateway',
    });
    await until('another attempt', () => tries > 1);
    await link.close();
    expect(peer.destroyed).toBe(true);
  });
});
