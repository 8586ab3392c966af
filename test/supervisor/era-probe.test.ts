/** Which eras a server speaks: only answers count, each era on a process of its own (data-path.md section 6). */
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { BerthError } from '../../src/errors.ts';
import { probeEras } from '../../src/supervisor/era-probe.ts';
import type { Era } from '../../src/supervisor/handshake-report.ts';
import { type MemoryProcess, memoryProcess } from '../support/memory-process.ts';
import { messageFault } from '../support/message-schema.ts';

const LEGACY = {
  result: { protocolVersion: '2025-06-18', capabilities: {}, serverInfo: { name: 'a', version: '1' } },
};
const MODERN = {
  result: {
    resultType: 'complete',
    supportedVersions: ['2026-07-28'],
    capabilities: { prompts: {} },
    _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'm', version: '2' } },
  },
};
const UNKNOWN = { error: { code: -32601, message: 'Method not found' } };
const BROKEN = { error: { code: -32603, message: 'no database' } };

type Answer = object | 'exit' | 'silence';

/** A server that answers `initialize` and `server/discover` as told; gives its processes by era. */
function serverThat(initialize: Answer, discover: Answer) {
  const processes = new Map<Era, MemoryProcess>();
  const heard: [Era, string][] = [];
  const faults: (string | undefined)[] = [];
  const start = async (era: Era): Promise<MemoryProcess> => {
    const process = memoryProcess({ stderr: [`${era} says`] });
    processes.set(era, process);
    process.server.receive((bytes) => {
      const message = JSON.parse(bytes.toString()) as { id?: number; method: string };
      const { id, method } = message;
      heard.push([era, method]);
      faults.push(messageFault(era === 'modern' ? '2026-07-28' : '2025-11-25', message));
      const answer =
        method === 'initialize' ? initialize : method === 'server/discover' ? discover : 'silence';
      if (answer === 'exit') process.crash({ code: 2, signal: null });
      else if (answer !== 'silence') process.server.send({ jsonrpc: '2.0', id, ...(answer as object) });
    });
    return process;
  };
  return { start, processes, heard, faults };
}

/** Lets time pass until `promise` is settled. */
async function settled<T>(promise: Promise<T>, clock: ManualClock): Promise<T> {
  let over = false;
  const mark = (): void => {
    over = true;
  };
  promise.then(mark, mark);
  for (let n = 0; n < 200 && !over; n++) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(500);
  }
  return await promise;
}

async function probe(initialize: Answer, discover: Answer, ...eras: Era[]) {
  const server = serverThat(initialize, discover);
  const clock = new ManualClock();
  const report = probeEras(server.start, { timeoutMs: 60_000, clock, eras });
  return { ...server, report: settled(report, clock) };
}

describe('the eras of a server', () => {
  it.each([
    ['both answers', LEGACY, MODERN, ['legacy', 'modern'], true],
    ['-32601 to discover', LEGACY, UNKNOWN, ['legacy'], true],
    ['-32603 to discover', LEGACY, BROKEN, ['legacy'], false],
    ['an exit on discover', LEGACY, 'exit', ['legacy'], false],
    ['silence on discover', LEGACY, 'silence', ['legacy'], false],
    ['a result that is no discovery', LEGACY, { result: {} }, ['legacy'], true],
    ['an error to initialize', UNKNOWN, MODERN, ['modern'], true],
    ['-32603 to initialize', BROKEN, MODERN, ['modern'], false],
    ['an exit on initialize', 'exit', MODERN, ['modern'], false],
    ['silence on initialize', 'silence', MODERN, ['modern'], false],
  ] as const)('with %s', async (_name, initialize, discover, eras, conclusive) => {
    const { report, processes } = await probe(initialize, discover);
    const protocolVersion = (eras as readonly Era[]).includes('legacy') ? '2025-06-18' : '2026-07-28';
    expect(await report).toMatchObject({ eras, protocolVersion, conclusive });
    expect([...processes.values()].every(({ stopping, exit }) => stopping || exit !== undefined)).toBe(true);
  });

  it('are told as soon as they are known, whatever their processes take to end', async () => {
    const { start, processes } = serverThat(LEGACY, UNKNOWN);
    const stubborn = async (era: Era): Promise<MemoryProcess> => {
      const process = await start(era);
      const stop = process.stop.bind(process);
      process.stop = (how) => stop(how).then(() => new Promise(() => {}));
      return process;
    };
    const clock = new ManualClock();
    const report = await settled(probeEras(stubborn, { timeoutMs: 60_000, clock }), clock);
    expect(report.eras).toEqual(['legacy']);
    expect([...processes.values()].map(({ stopping }) => stopping)).toEqual([true, true]);
  });

  it('that are none are told when their processes have ended', async () => {
    const { start } = serverThat(UNKNOWN, UNKNOWN);
    const ending = Promise.withResolvers<void>();
    const slow = async (era: Era): Promise<MemoryProcess> => {
      const process = await start(era);
      const stop = process.stop.bind(process);
      process.stop = (how) => stop(how).then((exit) => ending.promise.then(() => exit));
      return process;
    };
    const clock = new ManualClock();
    let told = false;
    const failed = probeEras(slow, { timeoutMs: 60_000, clock }).catch(() => {
      told = true;
    });
    for (let n = 0; n < 20; n++) await new Promise((resolve) => setImmediate(resolve));
    expect(told).toBe(false);
    ending.resolve();
    await failed;
    expect(told).toBe(true);
  });

  it('are tried on processes of their own, one message each', async () => {
    const { report, heard, faults } = await probe(LEGACY, MODERN);
    await report;
    expect(faults.filter((fault) => fault !== undefined)).toEqual([]);
    expect(heard.filter(([, method]) => !method.startsWith('notifications/')).sort()).toEqual([
      ['legacy', 'initialize'],
      ['modern', 'server/discover'],
    ]);
  });

  it('do not wait for the silent one any longer because the other is slow to list its tools', async () => {
    const clock = new ManualClock();
    const withTools = { result: { ...LEGACY.result, capabilities: { tools: {} } } };
    const { start } = serverThat(withTools, 'silence');
    const report = await settled(probeEras(start, { timeoutMs: 60_000, clock }), clock);
    expect(report).toMatchObject({ eras: ['legacy'] });
    expect(report).not.toHaveProperty('tools');
    // Ten seconds for the tools, and two for the other era.
    expect(clock.now()).toBeLessThan(15_000);
  });

  it('pinned, are not tried', async () => {
    const legacy = await probe(LEGACY, MODERN, 'legacy');
    expect(await legacy.report).toMatchObject({ eras: ['legacy'] });
    const modern = await probe(LEGACY, MODERN, 'modern');
    expect(await modern.report).toMatchObject({ eras: ['modern'], serverInfo: { name: 'm', version: '2' } });
    expect([[...legacy.processes.keys()], [...modern.processes.keys()]]).toEqual([['legacy'], ['modern']]);
  });

  it.each([
    ['legacy', UNKNOWN, MODERN],
    ['modern', LEGACY, UNKNOWN],
    ['legacy', 'silence', MODERN],
    ['modern', LEGACY, 'silence'],
  ] as const)(
    'both pinned, must both be spoken: without the %s one the start fails',
    async (_era, initialize, discover) => {
      const { report } = await probe(initialize, discover, 'legacy', 'modern');
      await expect(report).rejects.toMatchObject({ code: 'start-failed', details: { phase: 'handshake' } });
    },
  );

  it('both pinned and both spoken, are both found', async () => {
    const { report } = await probe(LEGACY, MODERN, 'legacy', 'modern');
    expect(await report).toMatchObject({ eras: ['legacy', 'modern'], protocolVersion: '2025-06-18' });
  });

  it('when there are none, fail with the reason of the legacy handshake', async () => {
    const { report } = await probe('exit', UNKNOWN);
    const error = await report.then(
      () => undefined,
      (thrown: unknown) => thrown as BerthError,
    );
    expect(error).toBeInstanceOf(BerthError);
    expect(error?.details).toMatchObject({ phase: 'handshake', exitCode: 2, stderr: ['legacy says'] });
  });

  it('pinned to one that is not spoken, fail with the reason', async () => {
    const { report } = await probe(LEGACY, UNKNOWN, 'modern');
    await expect(report).rejects.toMatchObject({ code: 'start-failed', details: { phase: 'handshake' } });
  });
});
