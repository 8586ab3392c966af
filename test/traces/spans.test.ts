/** The spans of calls through a gateway's front: by whom they are begun, how they end, and what is in them. */
import { type Attributes, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import {
  InMemorySpanExporter,
  ParentBasedSampler,
  type ReadableSpan,
  SimpleSpanProcessor,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BerthError } from '../../src/errors.ts';
import { createCallTracer } from '../../src/traces/traced-conversation.ts';
import type { ServerAnswers } from '../sessions/harness.ts';
import { ORDINARY } from '../sessions/harness.ts';
import { eventually } from '../support/local-process.ts';
import { requestText } from '../support/mcp-client.ts';
import { ModernHttpClient, ModernWsClient } from '../support/modern-client.ts';
import { SseClient } from '../support/sse-client.ts';
import { StreamableClient } from '../support/streamable-client.ts';
import { WsClient } from '../support/ws-client.ts';
import { called, type Front, type FrontOptions, startFront } from '../transports/front.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const OTHER = `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`;
const traceparent = `00-${TRACE}-${PARENT}-01`;
const SECRET = 'canary-of-the-arguments';

const LONG = 'x'.repeat(500);

/** Answers by the name of the tool; one that is called `waits` is not answered. */
const ANSWERS: ServerAnswers = {
  ...ORDINARY,
  'tools/list': () => ({ result: { tools: [] } }),
  'prompts/get': () => ({ result: { messages: [] } }),
  [LONG]: () => ({ result: {} }),
  'tools/call': ({ params }) => {
    if (params.name === 'waits') return undefined;
    if (params.name === 'unknown') return { error: { code: -32602, message: `no ${SECRET}` } };
    return { result: { content: [{ type: 'text', text: SECRET }], isError: params.name === 'fails' } };
  },
};

let front: Front;
let exporter: InMemorySpanExporter;

async function start(options: FrontOptions & { readonly rate?: number } = {}): Promise<void> {
  exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(options.rate ?? 1) }),
    spanProcessors: [new SimpleSpanProcessor({ exporter })],
  });
  const tracer = createCallTracer(provider.getTracer('test'));
  front = await startFront({ answers: ANSWERS, eras: ['legacy'], tracer, ...options });
}
afterEach(() => front.close());

const spans = (): ReadableSpan[] => exporter.getFinishedSpans();
const spanOf = (name: string): Promise<ReadableSpan> =>
  eventually(`the span ${name}`, () => spans().find((span) => span.name === name));
const legacy = async (): Promise<StreamableClient> => {
  const client = new StreamableClient(`${front.base}/mcp`);
  await client.initialize();
  return client;
};
const modern = (): ModernHttpClient => new ModernHttpClient(`${front.base}/mcp`);
const args = { arguments: { secret: SECRET } };

describe('a call', () => {
  beforeEach(() => start());

  it('of a legacy client is a span of its session, by the conventions, without arguments and results', async () => {
    const client = await legacy();
    await client.tool('echo', args.arguments, { _meta: { traceparent } });
    const span = await spanOf('tools/call echo');
    expect(span.kind).toBe(SpanKind.SERVER);
    expect(span.status.code).toBe(SpanStatusCode.UNSET);
    const [session] = front.harness.supervisor
      .sessions(front.harness.definition.id)
      .map(({ report }) => report.id);
    expect(span.attributes).toEqual({
      'mcp.method.name': 'tools/call',
      'mcp.protocol.version': '2025-11-25',
      'mcp.session.id': session,
      'jsonrpc.request.id': 'call-1',
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'echo',
      'network.transport': 'tcp',
      'network.protocol.name': 'http',
      'berth.server': 'memory',
      'berth.transport': 'streamable-http',
      'berth.era': 'legacy',
    } satisfies Attributes);
    expect(JSON.stringify(span.attributes)).not.toContain(SECRET);
    const opened = await spanOf('initialize');
    expect(opened.attributes).toMatchObject({
      'mcp.session.id': session,
      'mcp.protocol.version': '2025-11-25',
    });
    expect(spans().map(({ name }) => name)).toEqual(['initialize', 'tools/call echo']);
  });

  it('of a modern client is a span without a session', async () => {
    await modern().tool('echo', args, { meta: { traceparent } });
    const span = await spanOf('tools/call echo');
    expect(span.attributes).toMatchObject({
      'mcp.protocol.version': '2026-07-28',
      'berth.era': 'modern',
      'berth.transport': 'streamable-http',
    });
    expect(span.attributes).not.toHaveProperty('mcp.session.id');
    expect(span.parentSpanContext).toMatchObject({ traceId: TRACE, spanId: PARENT, isRemote: true });
  });

  it('of a prompt names it', async () => {
    await modern().request('prompts/get', { name: 'greeting' });
    expect((await spanOf('prompts/get greeting')).attributes).toMatchObject({
      'gen_ai.prompt.name': 'greeting',
    });
  });

  it('that fails has the code of its error and no text of the server', async () => {
    await modern().tool('unknown');
    const span = await spanOf('tools/call unknown');
    expect(span.status).toEqual({ code: SpanStatusCode.ERROR });
    expect(span.attributes).toMatchObject({ 'error.type': '-32602', 'rpc.response.status_code': '-32602' });
  });

  it('of a tool that says that it failed is a tool error', async () => {
    await modern().tool('fails');
    const span = await spanOf('tools/call fails');
    expect(span.status.code).toBe(SpanStatusCode.ERROR);
    expect(span.attributes).toMatchObject({ 'error.type': 'tool_error' });
    expect(span.attributes).not.toHaveProperty('rpc.response.status_code');
  });

  it('whose client leaves is given up', async () => {
    const call = modern().start('tools/call', { name: 'waits' });
    // The head of its answer comes when it is taken to be late.
    await eventually('the call at the server', () =>
      front.harness.servers.some((one) => one.of('tools/call')[0]),
    );
    front.harness.clock.advance(1_000);
    await call.leave();
    expect((await spanOf('tools/call waits')).attributes).toMatchObject({ 'error.type': 'client_gone' });
  });

  it('that is cancelled says so', async () => {
    const client = await legacy();
    const sent = client.send(requestText('7', 'tools/call', { name: 'waits' }));
    await called(front.harness.server);
    await client.notify('notifications/cancelled', { requestId: 7 });
    await sent;
    expect((await spanOf('tools/call waits')).attributes).toMatchObject({ 'error.type': 'cancelled' });
  });

  it('in a batch has a span like the others of it', async () => {
    const client = new StreamableClient(`${front.base}/mcp`, { protocolVersion: '2025-03-26' });
    await client.initialize();
    const [one, two] = [
      requestText('1', 'tools/call', { name: 'echo' }),
      requestText('"1"', 'tools/call', { name: 'unknown' }),
    ];
    await client.send(`[${one},${two}]`);
    expect((await spanOf('tools/call echo')).attributes).not.toHaveProperty('error.type');
    expect((await spanOf('tools/call unknown')).attributes).toMatchObject({ 'error.type': '-32602' });
  });

  it('with a method that nobody knows has a name of bounded length', async () => {
    const client = await legacy();
    await client.request('1', LONG);
    const span = await eventually('the span', () => spans().find(({ name }) => name.startsWith('xxx')));
    expect(span.name).toHaveLength(128);
  });
});

describe('the parent of a span', () => {
  beforeEach(() => start());

  it.each([
    ['the message', {}, { traceparent, tracestate: 'vendor=a' }],
    ['the head of its request', { traceparent, tracestate: 'vendor=a' }, {}],
  ])('is what %s says', async (_where, headers, meta) => {
    await modern().request('tools/list', {}, { headers, meta });
    const span = await spanOf('tools/list');
    expect(span.spanContext().traceId).toBe(TRACE);
    expect(span.parentSpanContext).toMatchObject({ traceId: TRACE, spanId: PARENT });
    expect(span.spanContext().traceState?.serialize()).toBe('vendor=a');
    expect(span.links).toEqual([]);
  });

  it('is the one of the message where both say one, and the other is linked', async () => {
    await modern().request('tools/list', {}, { headers: { traceparent: OTHER }, meta: { traceparent } });
    const span = await spanOf('tools/list');
    expect(span.parentSpanContext).toMatchObject({ traceId: TRACE, spanId: PARENT });
    expect(span.links.map(({ context }) => context.spanId)).toEqual(['d'.repeat(16)]);
  });

  it.each([
    ['nothing', undefined],
    ['what means nothing', '00-zz-1-01'],
    ['a number', 7],
  ])('is none where it is %s', async (_what, given) => {
    await modern().request('tools/list', {}, { meta: given === undefined ? {} : { traceparent: given } });
    expect((await spanOf('tools/list')).parentSpanContext).toBeUndefined();
  });
});

describe('what is recorded', () => {
  it('is what the beginning of the trace says, whatever the rate', async () => {
    await start({ rate: 0 });
    const client = modern();
    await client.request('tools/list', {}, { meta: { traceparent: `00-${TRACE}-${PARENT}-00` } });
    await client.request('tools/list');
    await client.tool('echo', args, { meta: { traceparent } });
    await spanOf('tools/call echo');
    expect(spans()).toHaveLength(1);
  });

  it('is not changed for its server', async () => {
    await start();
    await modern().tool('echo', args, { meta: { traceparent, tracestate: 'vendor=a' } });
    expect(front.harness.servers.flatMap((one) => one.of('tools/call'))).toEqual([
      expect.objectContaining({
        params: expect.objectContaining({
          _meta: expect.objectContaining({ traceparent, tracestate: 'vendor=a' }),
        }),
      }),
    ]);
  });
});

describe('a call that is not taken', () => {
  it('has the code of its refusal', async () => {
    const refuses = new BerthError('busy', 'no room just now');
    await start({
      link: (link) => ({
        ...link,
        conversation: (target) => ({
          ...link.conversation(target),
          call: (_request, reader) => void reader.refused(refuses),
        }),
      }),
    });
    expect((await modern().tool('echo')).error).toBeDefined();
    const span = await spanOf('tools/call echo');
    expect(span.status).toEqual({ code: SpanStatusCode.ERROR, message: 'no room just now' });
    expect(span.attributes).toMatchObject({
      'error.type': String(refuses.rpc),
      'rpc.response.status_code': String(refuses.rpc),
      'berth.error.code': 'busy',
    });
  });
});

describe.each(['sse', 'ws'] as const)('a session on one stream of messages: %s', (path) => {
  const transport = path === 'sse' ? 'sse' : 'websocket';
  const connect = async () => {
    const client = await (path === 'sse' ? SseClient : WsClient).connect(`${front.base}/${path}`);
    await client.initialize();
    return client;
  };
  beforeEach(() => start());

  it('has a span for each call, from its request to its answer', async () => {
    const client = await connect();
    await client.tool('echo', args.arguments, { _meta: { traceparent } });
    await client.tool('unknown');
    const span = await spanOf('tools/call echo');
    expect(span.parentSpanContext).toMatchObject({ traceId: TRACE, spanId: PARENT });
    expect(span.attributes).toMatchObject({
      'berth.transport': transport,
      'network.protocol.name': path === 'sse' ? 'http' : 'websocket',
      'mcp.session.id': expect.stringMatching(/^[\w-]{12}$/),
    });
    expect((await spanOf('tools/call unknown')).attributes).toMatchObject({ 'error.type': '-32602' });
    expect(spans().map(({ name }) => name)).toContain('initialize');
    await client.close();
  });

  it('ends the spans of what was cancelled, and of what nobody waits for any more', async () => {
    const client = await connect();
    await client.send(requestText('7', 'tools/call', { name: 'waits' }));
    await called(front.harness.server);
    await client.notify('notifications/cancelled', { requestId: 7 });
    expect((await spanOf('tools/call waits')).attributes).toMatchObject({ 'error.type': 'cancelled' });
    exporter.reset();
    await client.send(requestText('8', 'tools/call', { name: 'waits' }));
    await called(front.harness.server, 'tools/call', 2);
    await client.close();
    expect((await spanOf('tools/call waits')).attributes).toMatchObject({ 'error.type': 'client_gone' });
  });
});

it('has a span for each modern call on a WebSocket', async () => {
  await start();
  const client = await ModernWsClient.connect(`${front.base}/ws`);
  await client.tool('echo', args, { meta: { traceparent } });
  const span = await spanOf('tools/call echo');
  expect(span.parentSpanContext).toMatchObject({ traceId: TRACE, spanId: PARENT });
  expect(span.attributes).toMatchObject({ 'berth.transport': 'websocket', 'berth.era': 'modern' });
  await client.close();
});
