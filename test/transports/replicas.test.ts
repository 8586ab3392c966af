/** Servers of several replicas, and servers that are not there yet. */
import { afterEach, describe, expect, it } from 'vitest';
import { BerthError } from '../../src/errors.ts';
import type { Link } from '../../src/link/link.ts';
import type { StreamReader } from '../../src/sessions/reader.ts';
import type { Route } from '../../src/transports/context.ts';
import { PLAIN_WITHIN } from '../../src/transports/post-reader.ts';
import { eventually } from '../support/local-process.ts';
import { RawStream } from '../support/raw-stream.ts';
import { SseClient } from '../support/sse-client.ts';
import { StreamableClient } from '../support/streamable-client.ts';
import { WsClient } from '../support/ws-client.ts';
import { type Front, startFront } from './front.ts';

let front: Front;
afterEach(() => front.close());

const INITIALIZE =
  '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}}';
const HEAD = [
  'POST',
  'Content-Type: application/json',
  'Accept: application/json, text/event-stream',
  `Content-Length: ${INITIALIZE.length}`,
];

/** A link to a supervisor that takes nothing; `late`: only when told. */
function refusing(error: BerthError, late?: StreamReader[]): Link {
  const refuse = (reader: StreamReader): undefined => {
    if (late) late.push(reader);
    else reader.refused(error);
  };
  return {
    conversation: () => ({
      call: (_request, reader) => refuse(reader),
      attach: (_request, reader) => refuse(reader),
      note: (_key, _message, done) => done(error),
      end: (done) => done(),
    }),
    close: () => Promise.resolve(),
  };
}

const full = new BerthError('busy', 'no room for another session');
const capped = new BerthError('limit-reached', 'this server has 5 sessions, its limit');

describe('a new session', () => {
  const asked: string[] = [];
  const startFull = (...links: Link[]) => {
    asked.length = 0;
    return startFront({
      route: (link) => (_server, _affinity, kind) => {
        const all = [...links, link];
        const at = (index: number): Route | undefined => {
          const one = all[index];
          asked.push(`${kind}-${index}`);
          return one && { replica: `r${index}`, link: one, next: () => at(index + 1) };
        };
        return kind === 'session' ? at(0) : { replica: 'r9', link };
      },
    });
  };

  it('goes to the next replica when one is full, and its id says so', async () => {
    front = await startFull(refusing(full), refusing(capped));
    const client = new StreamableClient(`${front.base}/mcp`);
    await client.initialize();
    expect(front.sealer.open(client.session ?? '', front.harness.definition.id)?.replica).toBe('r2');
    expect(asked).toEqual(['session-0', 'session-1', 'session-2']);
  });

  it('does over SSE', async () => {
    front = await startFull(refusing(full));
    const client = await SseClient.connect(`${front.base}/sse`);
    await client.initialize();
    await client.close();
  });

  it('does over WebSocket', async () => {
    front = await startFull(refusing(full));
    const client = await WsClient.connect(`${front.base.replace('http', 'ws')}/ws`);
    await client.initialize();
    await client.close();
  });

  it('over WebSocket is asked nothing before a replica has taken it', async () => {
    const waiting: StreamReader[] = [];
    front = await startFull(refusing(full, waiting));
    const client = await WsClient.connect(`${front.base.replace('http', 'ws')}/ws`);
    const initialized = client.initialize();
    await eventually('its opening', () => waiting.length > 0);
    // The next message comes before the answer, as some clients send it.
    client.notify('notifications/roots/list_changed', {});
    await eventually('what was sent', async () => (await fetch(`${front.base}/nothing`)).status === 404);
    expect(waiting).toHaveLength(1);
    waiting[0]?.refused(full);
    expect((await initialized).message).toMatchObject({ result: { protocolVersion: '2025-11-25' } });
    await client.close();
  });

  it('over SSE is opened nowhere when its client has left meanwhile', async () => {
    const waiting: StreamReader[] = [];
    let ends = 0;
    const link = refusing(full, waiting);
    const counted: Link = {
      ...link,
      conversation: (target) => ({
        ...link.conversation(target),
        end: (done) => {
          ends++;
          done();
        },
      }),
    };
    front = await startFull(counted);
    const client = await RawStream.open(`${front.base}/sse`, ['GET', 'Accept: text/event-stream'], '');
    await eventually('its opening', () => waiting.length > 0);
    client.close();
    await eventually('its end', () => ends === 1);
    waiting[0]?.refused(full);
    expect([asked, waiting.length]).toEqual([['session-0'], 1]);
  });

  it('is refused when all are full', async () => {
    front = await startFront({
      route: () => () => ({ replica: 'a', link: refusing(full), next: () => undefined }),
    });
    const response = await fetch(`${front.base}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      body: INITIALIZE,
    });
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await response.json()).toMatchObject({ error: { message: full.message } });
  });

  it('stays where it is for any other refusal', async () => {
    const broken = new BerthError('start-failed', 'the process did not start');
    front = await startFull(refusing(broken));
    const client = new StreamableClient(`${front.base}/mcp`);
    expect(await client.send(INITIALIZE)).toBe(502);
    expect(asked).toEqual(['session-0']);
  });

  it('is not moved when its client has left', async () => {
    const waiting: StreamReader[] = [];
    front = await startFull(refusing(full, waiting));
    const client = await RawStream.open(`${front.base}/mcp`, HEAD, INITIALIZE);
    await eventually('the call', () => waiting.length > 0);
    client.close();
    await eventually('its end', async () => {
      const response = await fetch(`${front.base}/nothing`);
      return response.status === 404;
    });
    waiting[0]?.refused(full);
    expect(asked).toEqual(['session-0']);
  });
});

describe('a call that waits for its replica', () => {
  for (const [era, body, headers] of [
    ['legacy', INITIALIZE, []],
    [
      'modern',
      `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}}}`,
      ['MCP-Protocol-Version: 2026-07-28', 'Mcp-Method: tools/list'],
    ],
  ] as const) {
    it(`gets an exact status however long it was (${era})`, async () => {
      const waiting: StreamReader[] = [];
      front = await startFront({ route: () => () => ({ replica: 'a', link: refusing(full, waiting) }) });
      const head = [...HEAD.slice(0, 3), ...headers, `Content-Length: ${body.length}`];
      const client = await RawStream.open(`${front.base}/mcp`, head, body);
      await eventually('the call', () => waiting.length > 0);
      front.harness.clock.advance(PLAIN_WITHIN * 30);
      expect(client.seen).toBe('');
      waiting[0]?.refused(full);
      await eventually('the answer', () => client.seen.includes('\r\n\r\n'));
      expect(client.seen).toMatch(/^HTTP\/1.1 503 .*retry-after: 1\r\n/is);
      client.close();
    });

    it(`is an event stream once it was taken, if that was late (${era})`, async () => {
      const waiting: StreamReader[] = [];
      front = await startFront({ route: () => () => ({ replica: 'a', link: refusing(full, waiting) }) });
      const head = [...HEAD.slice(0, 3), ...headers, `Content-Length: ${body.length}`];
      const client = await RawStream.open(`${front.base}/mcp`, head, body);
      await eventually('the call', () => waiting.length > 0);
      front.harness.clock.advance(PLAIN_WITHIN);
      waiting[0]?.accepted(3);
      await eventually('the head', () => client.seen.includes('\r\n\r\n'));
      expect(client.seen).toMatch(/^HTTP\/1.1 200 .*content-type: text\/event-stream\r\n/is);
      client.close();
    });
  }
});

describe('a server that is not there yet', () => {
  const startAway = async () => {
    const gate = Promise.withResolvers<void>();
    front = await startFront();
    const signals: AbortSignal[] = [];
    front.served.state = 'starting';
    front.served.awaited = (signal) => {
      signals.push(signal);
      signal.addEventListener('abort', () => gate.reject(signal.reason));
      return gate.promise;
    };
    const arrive = (): void => {
      front.served.state = 'running';
      delete front.served.awaited;
      gate.resolve();
    };
    return { signals, arrive, gate };
  };

  it('is waited for, whatever the transport', async () => {
    const { signals, arrive } = await startAway();
    const streamable = new StreamableClient(`${front.base}/mcp`);
    const all = [
      streamable.initialize(),
      SseClient.connect(`${front.base}/sse`).then((client) => client.close()),
      WsClient.connect(`${front.base.replace('http', 'ws')}/ws`).then((client) => client.close()),
    ];
    await eventually('all of them', () => signals.length === 3);
    arrive();
    await Promise.all(all);
  });

  it('that does not come is told with why', async () => {
    const { gate } = await startAway();
    gate.promise.catch(() => {});
    gate.reject(new BerthError('busy', 'the server is still starting'));
    const client = new StreamableClient(`${front.base}/mcp`);
    expect(await client.send(INITIALIZE)).toBe(503);
    await expect(WsClient.connect(`${front.base.replace('http', 'ws')}/ws`)).rejects.toThrow();
  });

  it('is waited for no longer than its client does', async () => {
    const { signals } = await startAway();
    const client = await RawStream.open(`${front.base}/mcp`, HEAD, INITIALIZE);
    await eventually('it', () => signals.length === 1);
    client.close();
    await eventually('the end', () => signals[0]?.aborted);
  });
});
