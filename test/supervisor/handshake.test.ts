import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import type { BerthError } from '../../src/errors.ts';
import { handshake } from '../../src/supervisor/handshake.ts';
import { spawnFixture } from '../support/local-process.ts';
import { type MemoryProcess, memoryProcess } from '../support/memory-process.ts';
import { messageFault } from '../support/message-schema.ts';

const rejection = (promise: Promise<unknown>): Promise<BerthError> =>
  promise.then(
    () => expect.fail('resolved'),
    (thrown: BerthError) => thrown,
  );
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

type Message = { id?: number | string; method?: string; params?: Record<string, unknown> };

/** A memory process that answers each method of `results`; also tells what it received. */
function answering(results: Record<string, object>): { process: MemoryProcess; received: Message[] } {
  const process = memoryProcess({ stderr: ['listening on port 3000'] });
  const received: Message[] = [];
  process.server.receive((bytes) => {
    const message: Message = JSON.parse(bytes.toString());
    received.push(message);
    const answer = message.method === undefined ? undefined : results[message.method];
    if (answer) process.server.send({ jsonrpc: '2.0', id: message.id, ...answer });
  });
  return { process, received };
}

const INIT = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'a', version: '1' } };
const options = { timeoutMs: 60_000 };

describe('the handshake', () => {
  it('with a real server that writes noise and asks for ping and roots', async () => {
    const started = await spawnFixture('mcp-server');
    const report = await handshake(started, options);
    expect(report).toEqual({
      protocolVersion: '2025-06-18',
      serverInfo: { name: 'small', version: '1.2.3' },
      capabilities: { tools: {} },
      tools: ['one', 'two'],
      spawnMs: expect.any(Number),
      handshakeMs: expect.any(Number),
    });
    expect(started.channel.stats.noiseLines).toBe(1);
    await started.stop();
  });

  it('asks for the newest legacy revision, says initialized, and lists no tools where none are offered', async () => {
    const { process, received } = answering({ initialize: { result: INIT } });
    const report = await handshake(process, { ...options, clientInfo: { name: 'probe', version: '9' } });
    await turn();
    expect(report.tools).toBeUndefined();
    expect(received.map(({ method }) => method)).toEqual(['initialize', 'notifications/initialized']);
    expect(received[0]?.params).toMatchObject({
      protocolVersion: '2025-11-25',
      clientInfo: { name: 'probe', version: '9' },
    });
  });

  it('says nothing that the schema of its revision does not have', async () => {
    const { process, received } = answering({
      initialize: { result: { ...INIT, capabilities: { tools: {} } } },
      'tools/list': { result: { tools: [] } },
    });
    const asked = ['ping', 'roots/list', 'sampling/createMessage'];
    for (const [id, method] of asked.entries()) process.server.send({ jsonrpc: '2.0', id, method });
    await handshake(process, options);
    await turn();
    const faults = received.map((message) =>
      messageFault('2025-11-25', message, message.method ?? asked[Number(message.id)]),
    );
    expect(faults).toEqual(Array(6).fill(undefined));
  });

  it('takes nothing but short text for names, from a server that means harm', async () => {
    const evil = { toString: 1, valueOf: 1 };
    const tools = [{ name: evil }, { name: 'x'.repeat(1_000) }, 7, { name: 'good' }];
    const { process } = answering({
      initialize: {
        result: {
          ...INIT,
          capabilities: { tools: {} },
          serverInfo: { name: evil, version: 'v'.repeat(1_000) },
        },
      },
      'tools/list': { result: { tools } },
    });
    const report = await handshake(process, options);
    expect(report.serverInfo).toEqual({ name: '', version: 'v'.repeat(256) });
    expect(report.tools).toEqual(['', 'x'.repeat(256), '', 'good']);
  });

  it('keeps the names of so many tools and no more', async () => {
    const tools = Array.from({ length: 5_000 }, (_, n) => ({ name: `t${n}` }));
    const { process } = answering({
      initialize: { result: { ...INIT, capabilities: { tools: {} } } },
      'tools/list': { result: { tools } },
    });
    expect((await handshake(process, options)).tools).toHaveLength(1_000);
  });

  it('refuses a server whose capabilities are too much to keep', async () => {
    const capabilities = { tools: {}, pad: 'x'.repeat(70_000) };
    const { process } = answering({ initialize: { result: { ...INIT, capabilities } } });
    expect(await rejection(handshake(process, options))).toMatchObject({
      code: 'start-failed',
      details: { phase: 'handshake' },
    });
  });

  it('succeeds without tools when listing them fails', async () => {
    const result = { ...INIT, capabilities: { tools: {} } };
    const { process } = answering({
      initialize: { result },
      'tools/list': { error: { code: -32603, message: 'no' } },
    });
    expect((await handshake(process, options)).tools).toBeUndefined();
  });

  it('refuses requests that it does not know', async () => {
    const { process, received } = answering({ initialize: { result: INIT } });
    process.server.send({ jsonrpc: '2.0', id: 'x', method: 'sampling/createMessage', params: {} });
    await handshake(process, options);
    await turn();
    expect(received).toContainEqual({
      jsonrpc: '2.0',
      id: 'x',
      error: { code: -32601, message: 'Method not found' },
    });
  });
});

describe('a handshake that fails', () => {
  it('says exit code and stderr of a process that ends first', async () => {
    const started = await spawnFixture('exits', ['1', '50', 'API_KEY is required']);
    const error = await rejection(handshake(started, options));
    expect(error.message).toMatch(/^failed in phase handshake, exit code 1 after \d+\.\d s$/);
    expect(error).toMatchObject({
      code: 'start-failed',
      details: { phase: 'handshake', exitCode: 1, signal: null, stderr: ['API_KEY is required'] },
    });
    await started.ended;
  });

  it('says so when the process ended before it began', async () => {
    const started = await spawnFixture('exits', ['0', '0', 'usage: …']);
    await started.ended;
    const error = await rejection(handshake(started, options));
    expect(error).toMatchObject({ code: 'start-failed', details: { exitCode: 0, stderr: ['usage: …'] } });
    expect(error.hint).toContain('over stdio');
  });

  it('says so when there is no answer in time, with what the process wrote instead', async () => {
    const clock = new ManualClock();
    const { process } = answering({});
    process.server.send('Server running');
    const error = rejection(handshake(process, { timeoutMs: 5_000, clock }));
    await turn();
    clock.advance(5_000);
    expect(await error).toMatchObject({
      message: 'failed in phase handshake, no answer to initialize after 5.0 s',
      hint: expect.stringContaining('1 line'),
      details: { phase: 'handshake', stderr: ['listening on port 3000'] },
    });
  });

  it('says so when the process closes its output and lives on', async () => {
    const clock = new ManualClock();
    const { process } = answering({});
    const error = rejection(handshake(process, { ...options, clock }));
    process.server.end();
    await turn();
    clock.advance(1_000);
    expect((await error).message).toBe('failed in phase handshake, closed its output after 1.0 s');
  });

  it('passes on why the server refused', async () => {
    const { process } = answering({
      initialize: { error: { code: -32602, message: 'bad\u001b[1m version' } },
    });
    expect((await rejection(handshake(process, options))).message).toContain('refused initialize: bad');
  });

  it('does not take an answer without a revision', async () => {
    const { process } = answering({ initialize: { result: {} } });
    expect((await rejection(handshake(process, options))).message).toContain('no protocolVersion');
  });

  it('ends with the reason of its signal', async () => {
    const abort = new AbortController();
    const { process } = answering({});
    const error = rejection(handshake(process, { ...options, signal: abort.signal }));
    abort.abort(new Error('enough'));
    expect((await error).message).toBe('enough');
    const late = handshake(memoryProcess(), { ...options, signal: abort.signal });
    expect((await rejection(late)).message).toBe('enough');
  });
});
