/** Modern clients that do not read: they cannot come back for their streams, so what they asked for is given up (data-path.md 4.4, 8). */
import { afterEach, describe, expect, it } from 'vitest';
import { ANSWER_KEPT } from '../../src/sessions/kept-answers.ts';
import { Harness, type HarnessOptions, settle, TestReader } from './harness.ts';
import { ModernClient } from './modern-client.ts';
import { acknowledge, modernHarness, report } from './modern-server.ts';

const KIB = 1024;
const PAD = 'x'.repeat(64 * KIB);
const URI = 'test://a';
const LISTEN = { notifications: { resourceSubscriptions: [URI] } };
const LOGS = { 'io.modelcontextprotocol/logLevel': 'info' };

let harness: Harness;
afterEach(() => harness.close());

type Say = (n: number) => void;

async function flood(pieces: number, say: Say): Promise<void> {
  for (let n = 0; n < pieces; n++) say(n);
  await settle();
}

/** Longer than a reader may stand still. */
async function stall(): Promise<void> {
  harness.clock.advance(12_000);
  await settle();
}

function cancelled(): unknown[] {
  return harness.server.of('notifications/cancelled').map(({ params }) => params.requestId);
}

function inUse(): boolean {
  return harness.supervisor.activity(harness.definition.id)?.inUse === true;
}

interface Slow {
  readonly reader: TestReader;
  /** Our id of the call. */
  readonly id: unknown;
  readonly say: Say;
}

async function begin(
  method: string,
  members: Record<string, unknown>,
  meta: Record<string, unknown> = {},
): Promise<TestReader> {
  const reader = new TestReader(false);
  await new ModernClient(harness).call(method, members, { meta, reader });
  return reader;
}

/** What can fill the stream of a client, on a server of the modern era. */
const ON_MODERN: Readonly<Record<string, () => Promise<Slow>>> = {
  'a listen': async () => {
    const reader = await begin('subscriptions/listen', LISTEN);
    acknowledge(harness.server);
    const say: Say = (n) =>
      report(harness.server, 'notifications/resources/updated', { uri: URI, n, pad: PAD });
    return { reader, id: harness.server.id('subscriptions/listen'), say };
  },
  'a call that reports its progress': async () => {
    const reader = await begin('tools/call', { name: 't' }, { progressToken: 'p' });
    const id = harness.server.id('tools/call');
    const say: Say = (n) =>
      harness.server.notify('notifications/progress', { progressToken: id, progress: n, message: PAD });
    return { reader, id, say };
  },
  'a call that logs': async () => {
    const reader = await begin('tools/call', { name: 't' }, LOGS);
    const say: Say = () => harness.server.notify('notifications/message', { level: 'info', data: PAD });
    return { reader, id: harness.server.id('tools/call'), say };
  },
};

/** The same on a legacy server. */
const ON_LEGACY: Readonly<Record<string, () => Promise<Slow>>> = {
  'a call that reports its progress': ON_MODERN['a call that reports its progress'] as () => Promise<Slow>,
  'a call that logs': ON_MODERN['a call that logs'] as () => Promise<Slow>,
};

describe.each([
  ['modern', ON_MODERN, modernHarness],
  ['legacy', ON_LEGACY, (options?: HarnessOptions) => new Harness(options)],
] as const)('on a %s server', (_era, kinds, make) => {
  describe.each(Object.entries(kinds))('%s', (_what, slow) => {
    it('is cancelled when its client was closed for standing still', async () => {
      harness = make();
      const { reader, id, say } = await slow();
      await flood(8, say);
      expect([reader.ends, cancelled()]).toEqual([[], []]);
      await stall();
      expect([reader.ends, cancelled()]).toEqual([['slow'], [id]]);
      expect(inUse()).toBe(false);
    });

    it('is cancelled when its client was closed because too much waits for it', async () => {
      harness = make();
      const { reader, id, say } = await slow();
      await flood(19, say);
      expect([reader.ends, cancelled()]).toEqual([[], []]);
      await flood(4, say);
      expect([reader.ends, cancelled()]).toEqual([['slow'], [id]]);
      expect(inUse()).toBe(false);
    });

    it('goes on for a client that reads', async () => {
      harness = make();
      const { reader, say } = await slow();
      for (let lot = 0; lot < 5; lot++) {
        await flood(10, say);
        for (const event of reader.events) reader.acknowledge(event);
        await settle();
        for (const event of reader.events) reader.acknowledge(event);
      }
      await stall();
      expect([reader.ends, cancelled()]).toEqual([[], []]);
    });
  });
});

describe('a listen on a legacy server', () => {
  async function listen(reader: TestReader): Promise<void> {
    const client = new ModernClient(harness);
    await client.call('subscriptions/listen', LISTEN, { reader });
    for (const { id } of harness.server.of('resources/subscribe')) harness.server.answer(id);
    await settle();
  }
  const say: Say = (n) => harness.server.notify('notifications/resources/updated', { uri: URI, n, pad: PAD });

  it('ends with its client, and those that read keep theirs', async () => {
    harness = new Harness();
    const [slow, quick] = [new TestReader(false), new TestReader()];
    await listen(slow);
    await listen(quick);
    for (let lot = 0; lot < 5; lot++) await flood(6, say);
    expect([slow.ends, quick.ends, quick.events.length]).toEqual([['slow'], [], 31]);
    expect(harness.server.of('resources/unsubscribe')).toEqual([]);
    quick.attachment?.detach();
    await settle();
    expect(harness.server.of('resources/unsubscribe')).toHaveLength(1);
    expect(inUse()).toBe(false);
  });
});

it('the unread answer of a client that was closed is forgotten a while later', async () => {
  harness = modernHarness();
  const { id, reader } = await (ON_MODERN['a call that logs'] as () => Promise<Slow>)();
  harness.server.answer(id, { text: PAD.repeat(5) });
  await settle();
  const forgotten = streams();
  await stall();
  expect(reader.ends).toEqual(['complete', 'slow']);
  harness.clock.advance(ANSWER_KEPT + 1_000);
  expect(streams()).toBe(forgotten - 1);
});

/** How many there are of clients without a session. */
function streams(): number {
  const { attached = 0, none = 0 } = harness.supervisor.measure().get(harness.definition.id)?.streams ?? {};
  return attached + none;
}
