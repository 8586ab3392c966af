/** Traces of the real program: what a receiver gets of calls of the official clients, while it runs and when it ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readExposition, seriesValue } from '../support/exposition.ts';
import { eventually } from '../support/local-process.ts';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../support/otlp-receiver.ts';
import { connectSdk, SDK_CLIENTS } from '../support/sdk-clients.ts';
import { type SdkServer, startStreamableV1 } from '../support/sdk-servers.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const HEADER = 'canary-of-the-receiver';
const SAID = 'canary-of-the-arguments';
const SERVER_KIND = 2;
const ERROR_STATUS = 2;

let folder: string;
let gateway: ChildProcess;
let url = '';
let said = '';
let log = '';
let receiver: OtlpReceiver;
let server: SdkServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-traces-'));
  [receiver, server] = await Promise.all([startOtlpReceiver(), startStreamableV1()]);
  gateway = spawn(process.execPath, [fileURLToPath(new URL('../../src/main.ts', import.meta.url))], {
    env: {
      ...process.env,
      BERTH_DATA_DIR: folder,
      BERTH_PORT: '0',
      BERTH_REMOTE_ALLOWED_HOSTS: '127.0.0.1',
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer ${HEADER}`,
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  gateway.stdout?.on('data', (chunk: Buffer) => {
    said += chunk.toString('utf8');
  });
  gateway.stderr?.on('data', (chunk: Buffer) => {
    log += chunk.toString('utf8');
  });
  url = await eventually('the gateway', () => /^Berth listens on (\S+)/m.exec(said)?.[1]);
  const made = await post('/api/v1/servers?wait=ready', {
    name: 'elsewhere',
    source: { remote: { url: server.url } },
  });
  expect([made.status, await made.text()]).toEqual([201, expect.any(String)]);
});
afterAll(async () => {
  if (gateway.exitCode === null) {
    const ended = once(gateway, 'exit');
    gateway.kill('SIGTERM');
    await ended;
  }
  await Promise.all([server?.close(), receiver?.close()]);
  await rm(folder, { recursive: true, force: true });
});

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${url}${path}`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: JSON.stringify(body),
  });
const spanOf = (what: string, is: (span: ReceivedSpan) => boolean): Promise<ReceivedSpan> =>
  eventually(what, () => receiver.spans.find(is));

describe('a receiver of OTLP', () => {
  it('gets a span of a call under the parent that its client names, with the headers of the environment', async () => {
    const traceparent = `00-${TRACE}-${PARENT}-01`;
    const body = {
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: {
        name: 'echo',
        arguments: { message: SAID },
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientCapabilities': {},
        },
      },
    };
    const named = {
      'MCP-Protocol-Version': '2026-07-28',
      'Mcp-Method': 'tools/call',
      'Mcp-Name': 'echo',
      traceparent,
    };
    const answer = await post('/servers/elsewhere/mcp', body, named);
    expect(await answer.text()).toContain(SAID);
    const span = await spanOf('the span', ({ traceId }) => traceId === TRACE);
    expect(span).toMatchObject({
      parentSpanId: PARENT,
      spanId: expect.stringMatching(/^[0-9a-f]{16}$/),
      name: 'tools/call echo',
      kind: SERVER_KIND,
      attributes: {
        'mcp.method.name': 'tools/call',
        'gen_ai.tool.name': 'echo',
        'berth.server': 'elsewhere',
      },
      resource: {
        'service.name': 'berth',
        'service.version': expect.stringMatching(/^\d/),
        'deployment.environment.name': 'test',
      },
    });
    expect(BigInt(span.endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(span.startTimeUnixNano));
    expect(receiver.headers).toMatchObject({
      authorization: `Bearer ${HEADER}`,
      'content-type': 'application/json',
    });
  });

  it('gets one span of each call of every client of the SDKs, with its transport and era', async () => {
    const before = receiver.spans.length;
    const ofCalls = () => receiver.spans.slice(before).filter(({ name }) => name === 'tools/call echo');
    const expected: string[] = [];
    for (const flavour of SDK_CLIENTS) {
      const client = await connectSdk(flavour, `${url}/servers/elsewhere`);
      expect(await client.callTool('echo', { message: SAID })).toBe(SAID);
      await client.close();
      expected.push(`${/(streamable-http|sse|websocket)$/.exec(flavour)?.[0]} ${client.era}`);
    }
    await eventually('the spans', () => ofCalls().length >= SDK_CLIENTS.length);
    const got = ofCalls().map(({ attributes: of }) => `${of['berth.transport']} ${of['berth.era']}`);
    expect(got.sort()).toEqual(expected.sort());
    expect(ofCalls().filter(({ status }) => status.code === ERROR_STATUS)).toEqual([]);
  });

  it('gets the error of a call, and what Berth asks itself for callers of its API', async () => {
    const called = await post('/api/v1/servers/elsewhere/call', { tool: 'none', arguments: {} });
    await called.text();
    const span = await spanOf('the span', ({ name }) => name === 'tools/call none');
    expect(span.attributes).toMatchObject({ 'berth.transport': 'api', 'error.type': expect.any(String) });
    expect(span.status.code).toBe(ERROR_STATUS);
  });

  it('is counted, and gets neither arguments nor results', async () => {
    const exposed = await eventually('the count', async () => {
      const read = readExposition(await (await fetch(`${url}/metrics`)).text(), 'prometheus');
      const exported = seriesValue(read, 'berth_trace_spans_total', { result: 'exported' });
      return exported === receiver.spans.length ? read : undefined;
    });
    for (const result of ['failed', 'dropped'])
      expect(seriesValue(exposed, 'berth_trace_spans_total', { result })).toBe(0);
    expect(receiver.text).not.toContain(SAID);
    expect(`${log}${said}`).not.toContain(HEADER);
  });

  it('gets what waits when the program ends', async () => {
    const answer = await post('/api/v1/servers/elsewhere/call', { tool: 'last', arguments: {} });
    await answer.text();
    const ended = once(gateway, 'exit');
    gateway.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(receiver.spans.map(({ name }) => name)).toContain('tools/call last');
  });
});
