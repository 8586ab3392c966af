/** What every link must do, whatever carries it. Run over each carrier with a real supervisor and in-memory servers. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ConversationHost } from '../../src/link/in-process.ts';
import type { Link } from '../../src/link/link.ts';
import type { ModernCall } from '../../src/sessions/call-request.ts';
import type { OpenOptions } from '../../src/sessions/conversation.ts';
import { READER_WINDOW, type StreamEvent } from '../../src/sessions/reader.ts';
import { calm, until } from '../link/waiting.ts';
import {
  Harness,
  type HarnessOptions,
  message,
  ORDINARY,
  request,
  TestClient,
  TestReader,
} from '../sessions/harness.ts';
import { modernParams } from '../sessions/modern-client.ts';

/** One carrier to one supervisor. */
export interface LinkCarrier {
  /** A link of a gateway of its own. */
  link(): Link;
  close(): Promise<void>;
}

/** As a response that is written and closed at once. */
class LeavingReader extends TestReader {
  override acknowledge(event: StreamEvent | undefined): void {
    super.acknowledge(event);
    this.attachment?.detach();
  }
}

const NOTE = '{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}';
const KIB = 1024;

export function linkContract(name: string, carry: (host: ConversationHost) => Promise<LinkCarrier>): void {
  describe(`a link (${name})`, () => {
    let harness: Harness;
    let carrier: LinkCarrier;
    let link: Link;

    const start = async (options: HarnessOptions = {}): Promise<void> => {
      harness = new Harness(options);
      carrier = await carry(harness.supervisor);
      link = carrier.link();
    };
    const client = (key = 'nonce', over = link, open: OpenOptions = { delivery: 'streams' }): TestClient =>
      new TestClient(
        over.conversation({ server: harness.definition.id, kind: 'session', key, principal: 'alice' }),
        open,
      );
    /** A client behind its handshake. */
    const opened = async (key = 'nonce', open?: OpenOptions): Promise<TestClient> => {
      const one = client(key, link, open);
      if (open?.delivery === 'single') one.attach();
      const params =
        '{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}';
      const reader = one.call(request('"init"', 'initialize', params));
      await until('the handshake', () => reader.ends.length > 0 || open?.delivery === 'single');
      expect(await one.note('{"jsonrpc":"2.0","method":"notifications/initialized"}')).toBeUndefined();
      return one;
    };
    const lastServer = () => {
      const server = harness.servers.at(-1);
      if (!server) throw new Error('no process was started');
      return server;
    };
    const arrived = (method: string, count = 1): Promise<void> =>
      until(`${count} × ${method} at the server`, () => lastServer().of(method).length >= count);

    beforeEach(() => start());
    afterEach(async () => {
      await carrier.close();
      await harness.close();
    });

    it('carries a call and its answer, byte for byte', async () => {
      const one = await opened();
      const reader = one.call(
        request('1.0', 'tools/call', '{"name":"x","arguments":{"n":9007199254740993,"e":1e400}}'),
      );
      await arrived('tools/call');
      expect(lastServer().texts.at(-1)).toContain('"arguments":{"n":9007199254740993,"e":1e400}');
      lastServer().say(
        `{"jsonrpc":"2.0","id":${lastServer().id('tools/call')},"result":{"n":9007199254740993}}`,
      );
      await until('the answer', () => reader.ends.length > 0);
      expect(reader.texts).toEqual(['{"jsonrpc":"2.0","id":1.0,"result":{"n":9007199254740993}}']);
      expect(reader.ends).toEqual(['complete']);
    });

    it('keeps progress in order and before the answer', async () => {
      const one = await opened();
      const reader = one.call(request('7', 'tools/call', '{"_meta":{"progressToken":"mine"}}'));
      await arrived('tools/call');
      const id = lastServer().id('tools/call');
      for (let progress = 1; progress <= 20; progress++)
        lastServer().notify('notifications/progress', { progressToken: id, progress });
      lastServer().answer(id);
      await until('the answer', () => reader.ends.length > 0);
      expect(reader.lines.slice(0, 20).map(({ params }) => params)).toEqual(
        Array.from({ length: 20 }, (_, at) => ({ progressToken: 'mine', progress: at + 1 })),
      );
      expect(reader.lines.at(-1)).toMatchObject({ id: 7, result: {} });
      expect(reader.seqs).toEqual(Array.from({ length: 21 }, (_, at) => at + 1));
    });

    it('carries long messages both ways', async () => {
      const one = await opened();
      const text = 'x'.repeat(700 * KIB);
      const reader = one.call(request('1', 'tools/call', JSON.stringify({ text })));
      await arrived('tools/call');
      expect(lastServer().of('tools/call')[0]?.params.text).toBe(text);
      lastServer().answer(lastServer().id('tools/call'), { text });
      await until('the answer', () => reader.ends.length > 0);
      expect(reader.lines[0]?.result.text).toBe(text);
    });

    it('carries a batch on one stream', async () => {
      const one = client();
      const first = one.call(
        request(
          '0',
          'initialize',
          '{"protocolVersion":"2025-03-26","capabilities":{},"clientInfo":{"name":"t","version":"1"}}',
        ),
      );
      await until('the handshake', () => first.ends.length > 0);
      const reader = one.call([request('1', 'a/one'), NOTE, request('2', 'a/two')]);
      await arrived('a/two');
      lastServer().answer(lastServer().id('a/two'), 2);
      lastServer().answer(lastServer().id('a/one'), 1);
      await until('both answers', () => reader.ends.length > 0);
      expect(reader.lines).toMatchObject([{ id: 2 }, { id: 1 }]);
      expect(lastServer().of('notifications/roots/list_changed')).toHaveLength(1);
    });

    it('carries refusals with code, message and details', async () => {
      const early = new TestReader();
      const first = message(request('1', 'tools/list'));
      client('other').conversation.call({ key: 'early', messages: [first], batch: false }, early, {
        delivery: 'streams',
      });
      await until('the refusal', () => early.error !== undefined);
      expect(early.error).toMatchObject({
        code: 'invalid-request',
        message: expect.stringContaining('initialize'),
      });

      const one = await opened();
      one.call(request('5'));
      const twice = one.call(request('5'));
      await until('the refusal', () => twice.error !== undefined);
      expect(twice.error).toMatchObject({
        code: 'invalid-request',
        hint: expect.stringContaining('id of its own'),
      });
      const stream = one.attach(99);
      await until('the refusal', () => stream.error !== undefined);
      expect(stream.error?.code).toBe('unknown-stream');
    });

    it('carries what a process said last', async () => {
      await carrier.close();
      await harness.close();
      await start({ stderr: ['it is all over'] });
      const one = await opened();
      const reader = one.call(request('1'));
      await arrived('tools/call');
      lastServer().process.crash({ code: 3, signal: null });
      await until('the answer', () => reader.events.length > 0);
      expect(reader.lines[0]?.error.data).toMatchObject({
        code: 'process-exited',
        phase: 'run',
        exitCode: 3,
        stderr: ['it is all over'],
      });
      const after = await one.note(NOTE);
      expect(after?.code).toBe('unknown-session');
    });

    it('accepts a note only when it was taken', async () => {
      const one = await opened();
      lastServer().process.server.pause();
      const big = `{"jsonrpc":"2.0","method":"notifications/progress/x","params":{"pad":"${'x'.repeat(600 * KIB)}"}}`;
      const first = await one.note(big);
      let done = 0;
      const rest = [big, NOTE].map((text) => one.note(text).then(() => done++));
      await calm();
      expect(first).toBeUndefined();
      expect(done).toBe(0);
      lastServer().process.server.resume();
      await Promise.all(rest);
      expect(lastServer().of('notifications/roots/list_changed')).toHaveLength(1);
    });

    it('replays by position', async () => {
      const one = await opened();
      const unread = new TestReader(false);
      const reader = one.call(request('1', 'tools/call', '{"_meta":{"progressToken":1}}'), {
        reader: unread,
      });
      await arrived('tools/call');
      const id = lastServer().id('tools/call');
      for (let progress = 1; progress <= 3; progress++)
        lastServer().notify('notifications/progress', { progressToken: id, progress });
      await until('progress', () => reader.events.length === 3);
      reader.attachment?.detach();
      lastServer().answer(id);
      const again = one.attach(reader.stream, 2);
      await until('the end', () => again.ends.length > 0);
      expect(again.seqs).toEqual([3, 4]);
      expect(again.ends).toEqual(['complete']);
      // Read and kept: a client that lost it on the way gets the answer once more.
      const third = one.attach(reader.stream, 3);
      await until('the answer', () => third.events.length > 0);
      expect(third.seqs).toEqual([4]);
    });

    it('lets the newest reader win, whichever gateway it is on', async () => {
      const one = await opened();
      const other = client('nonce', carrier.link());
      const old = one.attach();
      await until('the first reader', () => old.stream === 0);
      const next = other.attach();
      await until('the takeover', () => old.ends.length > 0 && next.stream === 0);
      expect(old.ends).toEqual(['superseded']);
      lastServer().notify('notifications/tools/list_changed', {});
      await until('the event', () => next.events.length > 0);
      expect(old.events).toHaveLength(0);
      old.attachment?.credit(1, 1);
      old.attachment?.detach();
      lastServer().notify('notifications/tools/list_changed', {});
      await until('the second event', () => next.events.length > 1);
    });

    it('serves two gateways on one session', async () => {
      const one = await opened();
      const other = client('nonce', carrier.link());
      const readers = [one.call(request('1', 'a/one')), other.call(request('2', 'a/two'))];
      await arrived('a/one');
      await arrived('a/two');
      lastServer().answer(lastServer().id('a/two'), 'two');
      lastServer().answer(lastServer().id('a/one'), 'one');
      await until('both answers', () => readers.every(({ ends }) => ends.length > 0));
      expect(readers.map(({ lines }) => lines.map(({ result }) => result))).toEqual([['one'], ['two']]);
      expect(harness.servers).toHaveLength(1);
    });

    it('sends a reader no more than its window, and pauses its private channel', async () => {
      const one = await opened();
      const reader = one.attach(0, undefined, new TestReader(false));
      await until('the reader', () => reader.stream === 0);
      const pad = 'x'.repeat(32 * KIB);
      for (let sent = 0; sent < 64; sent++) lastServer().notify('notifications/tools/list_changed', { pad });
      await until('the pause', () => lastServer().process.server.paused);
      await calm();
      const bytes = reader.events.reduce((sum, event) => sum + event.bytes, 0);
      expect(bytes).toBeGreaterThanOrEqual(READER_WINDOW);
      expect(bytes).toBeLessThan(READER_WINDOW + 33 * KIB);
      for (let read = 0; read < 64; read++) {
        await until(`event ${read}`, () => reader.events.length > read);
        reader.acknowledge(reader.events[read]);
      }
      expect(reader.seqs).toEqual(Array.from({ length: 64 }, (_, at) => at + 1));
    });

    it('serves the others while one reader never reads', async () => {
      const deaf = await opened('deaf');
      const deafServer = lastServer();
      const reader = deaf.attach(0, undefined, new TestReader(false));
      await until('the reader', () => reader.stream === 0);
      const pad = 'x'.repeat(64 * KIB);
      for (let sent = 0; sent < 200; sent++) deafServer.notify('notifications/tools/list_changed', { pad });
      const other = await opened('other');
      for (let round = 0; round < 50; round++) {
        const call = other.call(request(String(round)));
        await arrived('tools/call', round + 1);
        lastServer().answer(lastServer().id('tools/call'), { pad });
        await until('the answer', () => call.ends.length > 0);
      }
      expect(reader.events.length).toBeLessThan(8);
      expect(deafServer.process.server.paused).toBe(true);
    });

    it('delivers everything on one stream where a session has only one', async () => {
      const single: OpenOptions = { delivery: 'single' };
      const one = client('sse', link, single);
      const events = one.attach();
      await until('the stream', () => events.stream === 0);
      const accepted = one.call(
        request(
          '0',
          'initialize',
          '{"protocolVersion":"2024-11-05","capabilities":{},"clientInfo":{"name":"t","version":"1"}}',
        ),
      );
      await until('the acceptance', () => accepted.stream === 0);
      await until('the answer', () => events.events.length > 0);
      const twice = one.call(request('1'), { key: 'same' });
      one.call(request('1'), { key: 'same' });
      await until('the second acceptance', () => twice.stream === 0);
      await arrived('tools/call');
      lastServer().answer(lastServer().id('tools/call'));
      await until('the second answer', () => events.events.length > 1);
      await calm();
      expect(events.lines.map(({ id }) => id)).toEqual([0, 1]);
      expect(accepted.events).toHaveLength(0);
      expect(lastServer().of('tools/call')).toHaveLength(1);
    });

    it('passes a note on once, whoever repeats it', async () => {
      const one = await opened();
      const other = client('nonce', carrier.link());
      expect(await one.note(NOTE, 'the-key')).toBeUndefined();
      expect(await other.note(NOTE, 'the-key')).toBeUndefined();
      await arrived('notifications/roots/list_changed');
      await calm();
      expect(lastServer().of('notifications/roots/list_changed')).toHaveLength(1);
    });

    it('runs a call once, whoever repeats it under its key', async () => {
      const one = await opened();
      const other = client('nonce', carrier.link());
      const first = one.call(request('1'), { key: 'call' });
      await arrived('tools/call');
      const second = other.call(request('1'), { key: 'call' });
      await until('the takeover', () => first.ends.length > 0);
      lastServer().answer(lastServer().id('tools/call'));
      await until('the answer', () => second.ends.length > 0);
      expect(first.ends).toEqual(['superseded']);
      expect(second.lines).toMatchObject([{ id: 1, result: {} }]);
      expect(lastServer().of('tools/call')).toHaveLength(1);
    });

    it('ends a session: calls fail, readers are told, nothing is found any more', async () => {
      const one = await opened();
      const stream = one.attach();
      const call = one.call(request('1'));
      await until('both', () => stream.stream === 0 && call.stream !== undefined);
      expect(await one.end()).toBeUndefined();
      await until('the ends', () => stream.ends.length > 0 && call.ends.length > 0);
      expect(stream.ends).toEqual(['ended']);
      expect(call.lines[0]?.error.data.code).toBe('unknown-session');
      expect((await one.end())?.code).toBe('unknown-session');
      await until(
        'the end of the process',
        () => lastServer().closed || lastServer().process.exit !== undefined,
      );
    });

    it("does not know another principal's session", async () => {
      await opened();
      const target = {
        server: harness.definition.id,
        kind: 'session',
        key: 'nonce',
        principal: 'mallory',
      } as const;
      const mallory = new TestClient(link.conversation(target), undefined);
      const reader = mallory.call(request('1'));
      await until('the refusal', () => reader.error !== undefined);
      expect(reader.error?.code).toBe('unknown-session');
      expect((await mallory.note(NOTE))?.code).toBe('unknown-session');
      expect((await mallory.end())?.code).toBe('unknown-session');
    });

    it('carries the acknowledgement of a reader that leaves in the same turn: answers that were read hinder no further call', async () => {
      await carrier.close();
      await harness.close();
      await start({ answers: { ...ORDINARY, 'tools/call': () => ({ result: {} }) } });
      const one = await opened();
      const readers: LeavingReader[] = [];
      // More than a session may have unread.
      for (let round = 0; round < 11; round++) {
        const next = Array.from({ length: 100 }, (_, at) => {
          const reader = new LeavingReader();
          one.call(request(`${100 * round + at}`), { reader });
          return reader;
        });
        readers.push(...next);
        await until('their answers', () => next.every(({ error, events }) => error || events.length > 0));
      }
      expect(readers.filter(({ error }) => error).map(({ error }) => error?.message)).toEqual([]);
    });

    it('serves clients without a session by their affinity', async () => {
      await carrier.close();
      await harness.close();
      await start({ sessions: 'none', answers: ORDINARY });
      const target = {
        server: harness.definition.id,
        kind: 'affinity',
        key: '',
        principal: 'alice',
      } as const;
      const one = new TestClient(link.conversation(target), undefined);
      const readers = [one.call(request('1', 'a/one')), one.call(request('1', 'a/two'))];
      await until('the process', () => harness.servers.length > 0);
      await arrived('a/two');
      lastServer().answer(lastServer().id('a/two'), 'two');
      lastServer().answer(lastServer().id('a/one'), 'one');
      await until('both answers', () => readers.every(({ ends }) => ends.length > 0));
      expect(readers.map(({ lines }) => lines[0]?.result)).toEqual(['one', 'two']);
    });

    /** A modern client's call of a tool, over a gateway's link. */
    const modernCall = (over: Link, members: object = {}, modern: ModernCall = {}): TestReader => {
      const reader = new TestReader();
      const target = { server: harness.definition.id, kind: 'modern', key: '', principal: 'alice' } as const;
      const params = modernParams({ name: 'ask', ...members }, { capabilities: { elicitation: {} } });
      const call = {
        key: `modern-${++modernCalls}`,
        messages: [message(request('9', 'tools/call', params))],
      };
      reader.attachment = over.conversation(target).call({ ...call, batch: false, modern }, reader);
      return reader;
    };
    let modernCalls = 0;

    it('carries what stands beside a modern call, and its end when the client leaves', async () => {
      const reader = modernCall(link);
      await until('the call', () => harness.servers.length > 0 && lastServer().of('tools/call').length > 0);
      reader.attachment?.detach();
      await until('the cancellation', () => lastServer().of('notifications/cancelled').length > 0);
      expect(reader.events).toEqual([]);
    });

    it('parks a call that one gateway made, and another one goes on with it', async () => {
      const first = modernCall(link);
      await until('the call', () => harness.servers.length > 0 && lastServer().of('tools/call').length > 0);
      lastServer().say('{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"message":"?"}}');
      await calm();
      harness.clock.advance(1_000);
      await until('the question', () => first.ends.length > 0);
      const park = first.events[0]?.park;
      expect(park).toMatchObject({ round: 1, call: expect.any(String), at: expect.any(Number) });
      expect(first.texts[0]?.slice(0, park?.at)).toBe('{"jsonrpc":"2.0","id":9,"result":{');
      const answer = { inputResponses: { q: { action: 'decline' } }, requestState: 'sealed' };
      const resume = { call: park?.call ?? '', round: park?.round ?? 0 };
      const second = modernCall(carrier.link(), answer, { resume });
      await until('the answer at the server', () =>
        lastServer().lines.some(({ id, result }) => id === 'q' && result),
      );
      lastServer().answer(lastServer().id('tools/call'), { content: [] });
      await until('the result', () => second.ends.length > 0);
      expect(second.lines[0]?.result).toMatchObject({ resultType: 'complete', content: [] });
      expect(lastServer().of('tools/call')).toHaveLength(1);
    });

    it('carries the data of a protocol error', async () => {
      const reader = modernCall(link);
      await until('the call', () => harness.servers.length > 0 && lastServer().of('tools/call').length > 0);
      lastServer().say('{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{}}');
      await until('the answer', () => reader.events.length > 0);
      expect(reader.lines[0]?.error).toMatchObject({
        code: -32021,
        data: { requiredCapabilities: { sampling: {} } },
      });
    });
  });
}
