/** Event streams and connections that a gateway ends as it goes away: each in a way that its client understands, and not all at once. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import type { Link } from '../../src/link/link.ts';
import type { Conversation, ConversationTarget } from '../../src/sessions/conversation.ts';
import { LongStreams } from '../../src/transports/long-streams.ts';
import { eventually } from '../support/local-process.ts';
import { ModernHttpClient } from '../support/modern-client.ts';
import { SseClient } from '../support/sse-client.ts';
import { WsClient } from '../support/ws-client.ts';
import { called, type Front, startFront } from './front.ts';
import { modernText } from './modern-front.ts';

/** Attachments reach the supervisor when the test says so. */
class HeldLink implements Link {
  readonly #link: Link;
  readonly #hold: (attach: () => void) => void;

  constructor(link: Link, hold: (attach: () => void) => void) {
    this.#link = link;
    this.#hold = hold;
  }

  conversation(target: ConversationTarget): Conversation {
    const conversation = this.#link.conversation(target);
    return {
      call: (...args) => conversation.call(...args),
      note: (...args) => conversation.note(...args),
      end: (...args) => conversation.end(...args),
      attach: (...args) => {
        this.#hold(() => conversation.attach(...args));
        return undefined;
      },
    };
  }

  close(): Promise<void> {
    return this.#link.close();
  }
}

const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged';

/** More than anything here may need. */
const LONG = 600_000;

describe('many streams', () => {
  let clock: ManualClock;
  let streams: LongStreams;
  let ended: number;
  let over: boolean;

  beforeEach(() => {
    clock = new ManualClock();
    streams = new LongStreams(clock);
    ended = 0;
    over = false;
  });

  /** One whose client is gone as soon as it was ended. */
  function add(busy = false): { busy: boolean } {
    const stream = {
      busy,
      end: () => {
        ended++;
        gone();
      },
    };
    const gone = streams.add(stream);
    return stream;
  }

  function leave(ms = LONG): Promise<void> {
    return streams.leave(ms).then(() => {
      over = true;
    });
  }

  it('are ended one after the other, over twenty seconds at most', async () => {
    for (let count = 0; count < 2_000; count++) add();
    const leaving = leave();
    clock.advance(20);
    expect(ended).toBe(2);
    clock.advance(9_980);
    expect(ended).toBe(1_000);
    clock.advance(10_000);
    expect(ended).toBe(2_000);
    await leaving;
  });

  it('are over soon where there are few', async () => {
    for (let count = 0; count < 5; count++) add();
    const leaving = leave();
    clock.advance(100);
    expect(ended).toBe(5);
    await leaving;
  });

  it('with calls in flight are let alone as long as there is time, and those that come meanwhile are ended too', async () => {
    const call = add(true);
    add(true);
    const leaving = leave(30_000);
    clock.advance(10_000);
    expect(ended).toBe(0);
    call.busy = false;
    add();
    clock.advance(100);
    expect([ended, over]).toEqual([2, false]);
    clock.advance(20_000);
    await leaving;
    expect(ended).toBe(2);
  });

  it('that no client answers the end of hold nobody up', async () => {
    streams.add({ busy: false, end: () => ended++ });
    const leaving = leave();
    clock.advance(2_000);
    await leaving;
    expect(ended).toBe(1);
  });

  it('that are none are not waited for', async () => {
    await leave();
  });
});

describe('a gateway that goes away', () => {
  let front: Front;
  beforeEach(async () => {
    front = await startFront();
  });
  afterEach(() => front.close());

  /** Time passes in small steps until it is over. */
  async function pass<T>(what: string, awaited: Promise<T>): Promise<T> {
    let over = false;
    const end = awaited.then(() => {
      over = true;
    });
    await eventually(what, () => {
      front.harness.clock.advance(20);
      return over;
    });
    await end;
    return awaited;
  }
  const drain = (ms = LONG): Promise<void> => pass('the end of the drain', front.drain(ms));

  it('completes the listens of modern clients', async () => {
    const client = new ModernHttpClient(`${front.base}/mcp`);
    const listen = client.start('subscriptions/listen', { notifications: { toolsListChanged: true } });
    await listen.inbox.take('its acknowledgement', ({ message }) => message.method === ACKNOWLEDGED);
    const answer = listen.answer();
    await drain();
    expect((await answer).message.result).toMatchObject({ resultType: 'complete' });
  });

  it('ends the standalone stream of a session, which is there for another gateway', async () => {
    const { client } = await front.session();
    const stream = await client.get();
    await drain();
    expect(await stream.text()).not.toContain('data: {');
    expect(front.harness.supervisor.activity(front.harness.definition.id)).toMatchObject({ sessions: 1 });
  });

  it('ends streams that come late, too, and completes late listens', async () => {
    const { client } = await front.session();
    const early = await client.get();
    const draining = front.drain(LONG);
    await pass('the end of the stream', early.text());
    const late = await client.get();
    const modern = new ModernHttpClient(`${front.base}/mcp`);
    const listen = modern.start('subscriptions/listen', { notifications: { toolsListChanged: true } });
    await listen.inbox.take('its acknowledgement', ({ message }) => message.method === ACKNOWLEDGED);
    const answer = listen.answer();
    await pass('the end of the drain', draining);
    expect(await late.text()).not.toContain('data: {');
    expect((await answer).message.result).toMatchObject({ resultType: 'complete' });
  });

  it('waits for a stream that the supervisor is still asked for, and ends it then', async () => {
    await front.close();
    const held: (() => void)[] = [];
    front = await startFront({ link: (link) => new HeldLink(link, (attach) => held.push(attach)) });
    const { client } = await front.session();
    const got = client.get();
    await eventually('its way to the supervisor', () => held.length === 1);
    let isOver = false;
    const draining = front.drain(LONG).then(() => {
      isOver = true;
    });
    for (let look = 0; look < 1_000; look++) {
      front.harness.clock.advance(20);
      await new Promise(setImmediate);
    }
    expect(isOver).toBe(false);
    for (const attach of held) attach();
    await pass('the end of the drain', draining);
    expect(await (await got).text()).not.toContain('data: {');
  });

  it('ends SSE connections, and their sessions', async () => {
    const client = await SseClient.connect(`${front.base}/sse`);
    await client.initialize();
    await drain();
    await client.ended;
    await eventually('the end of the session', () => {
      return front.harness.supervisor.activity(front.harness.definition.id)?.sessions === 0;
    });
  });

  it('closes a WebSocket with 1001 once its calls are answered', async () => {
    const [busy, idle] = [
      await WsClient.connect(`${front.base}/ws`),
      await WsClient.connect(`${front.base}/ws`),
    ];
    for (const client of [busy, idle]) await client.initialize();
    const answer = busy.request('2', 'tools/call');
    const server = front.harness.servers[0]!;
    const id = await called(server);
    const draining = drain();
    expect(await idle.closed).toBe(1001);
    expect(busy.socket.readyState).toBe(busy.socket.OPEN);
    server.answer(id, { done: true });
    expect((await answer).message.result).toEqual({ done: true });
    expect(await busy.closed).toBe(1001);
    await draining;
  });

  it('does not wait for a call that its client has cancelled', async () => {
    const client = await WsClient.connect(`${front.base}/ws`);
    await client.initialize();
    void client.request('2', 'tools/call').catch(() => {});
    await called(front.harness.servers[0]!);
    await client.send('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}');
    await drain();
    expect(await client.closed).toBe(1001);
  });

  it('completes the listens on a WebSocket before it closes it', async () => {
    const client = await WsClient.connect(`${front.base}/ws`);
    await client.send(modernText('subscriptions/listen', { notifications: { toolsListChanged: true } }, '7'));
    await client.inbox.take('its acknowledgement', ({ message }) => message.method === ACKNOWLEDGED);
    const answer = client.inbox.answer('7');
    await drain();
    expect((await answer).message.result).toMatchObject({ resultType: 'complete' });
    expect(await client.closed).toBe(1001);
  });
});
