import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../../src/clock.ts';
import { BerthError } from '../../../src/errors.ts';
import { PodServer, REST_LIMIT } from '../../../src/runtimes/pod/pod-server.ts';
import { createWaitingHost } from '../../../src/runtimes/pod/waiting-host.ts';
import type { Conversation } from '../../../src/sessions/conversation.ts';
import type { StreamReader } from '../../../src/sessions/reader.ts';
import type { SupervisedServer } from '../../../src/supervisor/definition-file.ts';
import type { HandshakeReport } from '../../../src/supervisor/handshake-report.ts';
import type { PoolStatus } from '../../../src/supervisor/process-pool.ts';
import { DEFAULT_LIMITS, type ServerDefinition } from '../../../src/supervisor/server-definition.ts';

const definition: SupervisedServer = {
  id: 's',
  name: 'search',
  launch: { file: '/server', args: [], env: {}, cwd: '/' },
  isolation: 'session',
  sessions: 'minted',
  limits: DEFAULT_LIMITS,
  secrets: [],
};
const report: HandshakeReport = {
  protocolVersion: '2025-11-25',
  serverInfo: { name: 'search', version: '1' },
  capabilities: {},
  eras: ['legacy', 'modern'],
  tools: ['find'],
  spawnMs: 1,
  handshakeMs: 2,
};
const broken = new BerthError('start-failed', 'no key', { phase: 'handshake', stderr: ['KEY is missing'] });

const full = new BerthError('busy', 'cannot start search: as many processes as it may have', {
  phase: 'spawn',
});

/** Handshakes whose outcomes the test gives, one after another. */
class Host {
  readonly defined: ServerDefinition[] = [];
  readonly probed: ServerDefinition[] = [];
  renewed = 0;
  pool: Partial<PoolStatus> = {};
  #asked: PromiseWithResolvers<HandshakeReport>[] = [];

  readonly probe = (asking: ServerDefinition, signal?: AbortSignal): Promise<HandshakeReport> => {
    this.probed.push(asking);
    const asked = Promise.withResolvers<HandshakeReport>();
    signal?.addEventListener('abort', () => asked.reject(signal.reason));
    this.#asked.push(asked);
    return asked.promise;
  };

  /** Why the next definition is not taken. */
  refusal: BerthError | undefined;

  readonly define = (found: ServerDefinition): void => {
    if (this.refusal) throw this.refusal;
    this.defined.push(found);
  };

  readonly renew = (): void => void this.renewed++;

  readonly poolStatus = (): PoolStatus => ({
    ...{ state: 'ready', live: 0, spares: 0, spoken: false },
    ...this.pool,
  });

  get tries(): number {
    return this.#asked.length;
  }

  async answer(outcome: HandshakeReport | BerthError): Promise<void> {
    // A check begins a moment after its time.
    await new Promise((resolve) => setImmediate(resolve));
    const asked = this.#asked.at(-1);
    if (outcome instanceof BerthError) asked?.reject(outcome);
    else asked?.resolve(outcome);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Looks again and again, a bounded number of times: files are read by threads, which a busy machine does not let run at once. */
async function until(what: string, there: () => Promise<boolean> | boolean): Promise<void> {
  for (let look = 0; look < 3_000; look++) {
    if (await there()) return;
    await (look < 100 ? passed() : sleep(5));
  }
  throw new Error(`never came: ${what}`);
}

const passed = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

let clock: ManualClock;
let host: Host;
let changes: number;
const begin = (given: Partial<SupervisedServer> = {}, prepare?: () => Promise<void>): PodServer =>
  new PodServer({
    definition: { ...definition, ...given } as SupervisedServer,
    host,
    clock,
    ...(prepare && { prepare }),
    changed: () => void changes++,
  });

beforeEach(() => {
  clock = new ManualClock();
  host = new Host();
  changes = 0;
});

describe('a server in a pod', () => {
  it('is defined, with the eras that it has shown, once a handshake has come through', async () => {
    const server = begin();
    expect([server.closed instanceof Promise, host.defined]).toEqual([true, []]);
    await host.answer(report);
    expect(host.defined).toEqual([{ ...definition, eras: ['legacy', 'modern'] }]);
    expect([server.closed, server.report?.tools, server.failure]).toEqual([undefined, ['find'], undefined]);
    expect(changes).toBe(1);
    server.close();
  });

  it('is tried again, later and later, while its handshake fails', async () => {
    const server = begin();
    const waits: number[] = [];
    for (let tries = 1; tries <= 8; tries++) {
      await host.answer(broken);
      expect([server.failure, server.closed]).toEqual([broken, broken]);
      let waited = 0;
      for (; host.tries === tries && waited < 120; waited++) clock.advance(1_000);
      waits.push(waited);
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
    // Who comes meanwhile is told at once why it does not run.
    expect(server.closed).toBe(broken);
    await host.answer(report);
    expect([server.closed, server.failure]).toEqual([undefined, undefined]);
    server.close();
  });

  it('has its package brought before its first process, again when that fails, and once it is there no more', async () => {
    const lost = new BerthError('install-failed', 'no such tree', { phase: 'install' });
    const bringing = [1, 2].map(() => Promise.withResolvers<void>());
    let brought = 0;
    const server = begin({}, () => bringing[brought++]!.promise);
    expect([brought, host.tries, server.preparing]).toEqual([1, 0, true]);
    bringing[0]!.reject(lost);
    await host.answer(report);
    expect([server.closed, server.failure, host.tries]).toEqual([lost, lost, 0]);
    clock.advance(1_000);
    bringing[1]!.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    expect([brought, host.tries, server.preparing]).toEqual([2, 1, false]);
    await host.answer(broken);
    clock.advance(2_000);
    expect([brought, host.tries]).toEqual([2, 2]);
    await host.answer(report);
    expect([server.closed, server.failure]).toEqual([undefined, undefined]);
    server.close();
  });

  it('waits for a package that is being installed again, and looks for it often', async () => {
    const missing = new BerthError('install-failed', 'no such tree', { reason: 'TreeMissing' });
    let there = false;
    let brought = 0;
    const server = begin({}, async () => {
      brought++;
      if (!there) throw missing;
    });
    await passed();
    // Told, and not what clients are refused with: they wait.
    expect([server.failure, server.preparing]).toEqual([missing, true]);
    expect(server.closed).toBeInstanceOf(Promise);
    const open = server.closed as Promise<void>;
    for (let look = 0; look < 20; look++) {
      clock.advance(2_000);
      await passed();
    }
    expect(brought).toBe(21);
    there = true;
    clock.advance(2_000);
    await passed();
    expect([server.failure, server.preparing]).toEqual([undefined, false]);
    await host.answer(report);
    await open;
    expect(server.closed).toBeUndefined();
    server.close();
  });

  it('ends such a wait with its supervisor', async () => {
    const missing = new BerthError('install-failed', 'no such tree', { reason: 'TreeMissing' });
    const server = begin({}, () => Promise.reject(missing));
    await passed();
    const { closed } = server;
    server.close();
    await closed;
    expect([host.tries, (server.closed as BerthError).code]).toEqual([0, 'resting']);
  });

  it('starts nothing when its supervisor ends before its package is there', async () => {
    const bringing = Promise.withResolvers<void>();
    const server = begin({}, () => bringing.promise);
    server.close();
    bringing.resolve();
    await host.answer(report);
    expect([host.tries, server.closed]).toEqual([0, expect.objectContaining({ code: 'resting' })]);
  });

  it('is watched once, however often it was tried', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'berth-values-'));
    const file = join(folder, 'TOKEN');
    await writeFile(file, 'first');
    host.refusal = broken;
    const server = begin({ secretFiles: { TOKEN: file } });
    await host.answer(report);
    await until('the refusal', () => server.failure !== undefined);
    host.refusal = undefined;
    clock.advance(60_000);
    await until('the second try', () => host.tries === 2);
    await host.answer(report);
    await until('it is open', () => server.closed === undefined);
    await writeFile(file, 'second');
    const look = async (): Promise<void> => {
      clock.advance(5_000);
      await readFile(file);
      await passed();
    };
    await until('spares anew', async () => {
      await look();
      return host.renewed > 0;
    });
    for (let more = 0; more < 10; more++) await look();
    expect(host.renewed).toBe(1);
    server.close();
    await rm(folder, { recursive: true });
  });

  it('has its spares started anew when a value of it has changed, and only then', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'berth-values-'));
    const file = join(folder, 'TOKEN');
    await writeFile(file, 'first');
    const server = begin({ secretFiles: { TOKEN: file } });
    await host.answer(report);
    await until('it is open', () => server.closed === undefined);
    /** Looks are made in turn, and a file is read meanwhile. */
    const look = async (): Promise<void> => {
      clock.advance(5_000);
      await readFile(file);
      await passed();
    };
    await look();
    expect(host.renewed).toBe(0);
    await writeFile(file, 'second');
    await until('spares anew', async () => {
      await look();
      return host.renewed > 0;
    });
    await look();
    expect(host.renewed).toBe(1);
    server.close();
    await writeFile(file, 'third');
    await look();
    expect(host.renewed).toBe(1);
    await rm(folder, { recursive: true });
  });

  describe('whose eras are known', () => {
    const knownEras = ['legacy'] as const;
    const legacy: HandshakeReport = { ...report, eras: ['legacy'] };
    const pass = async (ms: number): Promise<void> => {
      for (let passed = 0; passed < ms; passed += 250) {
        await host.answer(broken);
        clock.advance(250);
      }
    };

    const looked = (): Promise<void> =>
      until('its handshake', () => {
        clock.advance(250);
        return host.tries === 1;
      });

    it('is open at once, and looked at when it has answered whoever woke it', async () => {
      const server = begin({ knownEras });
      await server.closed;
      expect([server.closed, server.report]).toEqual([undefined, undefined]);
      expect(host.defined).toEqual([{ ...definition, eras: ['legacy'] }]);
      host.pool = { live: 1 };
      await pass(10_000);
      expect(host.tries).toBe(0);
      host.pool = { live: 1, spoken: true };
      await looked();
      // What it must still speak, and nothing else.
      expect(host.probed).toEqual([{ ...definition, eras: ['legacy'] }]);
      await host.answer(legacy);
      expect([server.report?.tools, host.defined.length, changes]).toEqual([['find'], 1, 1]);
      server.close();
    });

    it('is looked at soon when nobody has come for it, spares aside', async () => {
      const server = begin({ knownEras });
      await server.closed;
      host.pool = { live: 2, spares: 2 };
      await looked();
      await host.answer(legacy);
      expect(server.report?.tools).toEqual(['find']);
      server.close();
    });

    it('waits for its package first', async () => {
      const bringing = Promise.withResolvers<void>();
      const server = begin({ knownEras }, () => bringing.promise);
      await passed();
      expect([server.closed instanceof Promise, host.defined]).toEqual([true, []]);
      bringing.resolve();
      await server.closed;
      expect([server.closed, host.tries]).toEqual([undefined, 0]);
      server.close();
    });

    it('is tried whole, and defined anew, when it speaks otherwise than it did', async () => {
      const server = begin({ knownEras });
      await server.closed;
      await looked();
      await host.answer(broken);
      expect([host.tries, server.failure]).toEqual([2, undefined]);
      await host.answer({ ...report, eras: ['modern'] });
      expect(host.probed.map(({ eras }) => eras)).toEqual([['legacy'], undefined]);
      expect(host.defined.map(({ eras }) => eras)).toEqual([['legacy'], ['modern']]);
      expect([server.closed, server.report?.eras]).toEqual([undefined, ['modern']]);
      server.close();
    });

    it('takes nothing for granted once it does not start', async () => {
      const server = begin({ knownEras });
      await server.closed;
      await looked();
      await host.answer(broken);
      await host.answer(broken);
      expect([server.closed, server.failure]).toEqual([broken, broken]);
      clock.advance(1_000);
      await passed();
      expect(host.probed.map(({ eras }) => eras)).toEqual([['legacy'], undefined, undefined]);
      expect(server.closed).toBe(broken);
      await host.answer(legacy);
      expect([server.closed, server.failure, host.defined.length]).toEqual([undefined, undefined, 1]);
      server.close();
    });

    it('goes on to serve those who fill it, and is looked at when there is room', async () => {
      const server = begin({ knownEras });
      await server.closed;
      await looked();
      await host.answer(full);
      expect([host.tries, server.closed, server.failure]).toEqual([1, undefined, undefined]);
      host.pool = { live: 8, spoken: true };
      clock.advance(1_000);
      await until('another handshake', () => host.tries === 2);
      await host.answer(legacy);
      expect(host.probed.map(({ eras }) => eras)).toEqual([['legacy'], ['legacy']]);
      expect([server.closed, server.report?.tools, host.defined.length]).toEqual([undefined, ['find'], 1]);
      server.close();
    });

    it('gives up its wait with its supervisor', async () => {
      const server = begin({ knownEras });
      await server.closed;
      server.close();
      await pass(5_000);
      expect([host.tries, server.closed]).toEqual([0, expect.objectContaining({ code: 'resting' })]);
    });
  });

  it('is reached as it has shown to be, when it is elsewhere', async () => {
    const { launch: _launch, ...rest } = definition;
    const remote = { url: 'https://mcp.example.com/mcp', transport: 'auto', headers: {} } as const;
    const server = new PodServer({
      definition: { ...rest, remote } as SupervisedServer,
      host,
      clock,
      changed: () => {},
    });
    await host.answer({ ...report, transport: 'sse' });
    expect(host.defined[0]?.remote?.transport).toBe('sse');
    server.close();
  });

  it('is not well while its checks fail, and well again after one that comes through', async () => {
    const server = begin({ health: { interval: 5_000, failures: 2 } });
    await host.answer(report);
    for (const expected of [undefined, 'no key']) {
      clock.advance(5_000);
      await host.answer(broken);
      expect(server.failure?.message).toBe(expected);
    }
    expect([server.check?.failures, host.renewed, server.closed]).toEqual([2, 1, undefined]);
    clock.advance(5_000);
    await host.answer(report);
    expect([server.failure, server.check?.failures]).toEqual([undefined, 0]);
    server.close();
  });

  it('gives a check its own time, and looks when nobody has said how often', async () => {
    const server = begin({ health: { interval: 5_000, timeout: 2_000 } });
    await host.answer(report);
    clock.advance(5_000);
    await host.answer(report);
    expect(host.probed.at(-1)?.limits.startTimeout).toBe(2_000);
    server.close();
  });

  it('is well when it is full, as then there is no room for a process to check it with', async () => {
    const server = begin({ health: { interval: 5_000, failures: 1 } });
    await host.answer(report);
    clock.advance(5_000);
    await host.answer(full);
    expect([server.failure, server.check?.failures, host.renewed, server.closed]).toEqual([
      undefined,
      0,
      0,
      undefined,
    ]);
    server.close();
  });

  it('rests when it is told to, and no longer than somebody needs to end it', async () => {
    const server = begin();
    await host.answer(report);
    server.rest();
    expect(server.closed).toMatchObject({ code: 'resting' });
    clock.advance(REST_LIMIT);
    expect([server.closed, server.resting]).toEqual([undefined, false]);
    server.close();
  });

  it('gives up with its supervisor', async () => {
    const server = begin();
    server.close();
    await host.answer(report);
    expect([server.closed, host.defined]).toEqual([expect.objectContaining({ code: 'resting' }), []]);
    clock.advance(60_000);
    expect(host.tries).toBe(1);
  });
});

describe('what gateways send meanwhile', () => {
  const reader = () => {
    const seen: unknown[] = [];
    const noted = (what: string) => (given: unknown) => void seen.push([what, given]);
    return {
      seen,
      accepted: noted('accepted'),
      refused: noted('refused'),
      event: noted('event'),
      end: noted('end'),
    } satisfies StreamReader & { seen: unknown[] };
  };
  const target = { server: 's', kind: 'session', key: 'k', principal: 'p' } as const;
  const call = { key: 'c', messages: [], batch: false };

  function waiting(server: PodServer) {
    const done: string[] = [];
    const inner: Conversation = {
      call: (_request, on) => {
        done.push('call');
        on.accepted(1);
        return { credit: (bytes) => void done.push(`credit ${bytes}`), detach: () => void done.push('left') };
      },
      attach: () => void done.push('attach'),
      note: (_key, _message, then) => {
        done.push('note');
        then();
      },
      end: (then) => {
        done.push('end');
        then();
      },
    };
    const gated = createWaitingHost({ conversation: () => inner }, (id) =>
      id === 's' ? () => server.closed : undefined,
    );
    return {
      done,
      conversation: gated.conversation(target),
      other: gated.conversation({ ...target, server: 'x' }),
    };
  }

  it('waits for the first handshake, in its order, and goes on', async () => {
    const server = begin();
    const { done, conversation } = waiting(server);
    const first = reader();
    const attachment = conversation.call(call, first);
    conversation.note('n', {} as never, () => void done.push('noted'));
    const gone = reader();
    conversation.attach({ stream: 0 }, gone)?.detach(true);
    attachment?.credit(1);
    expect(done).toEqual([]);
    await host.answer(report);
    expect(done).toEqual(['call', 'note', 'noted']);
    expect(first.seen).toEqual([['accepted', 1]]);
    attachment?.credit(2);
    attachment?.detach();
    conversation.end(() => {});
    expect(done.slice(3)).toEqual(['credit 2', 'left', 'end']);
    server.close();
  });

  it('is refused with why it failed, and while it rests', async () => {
    const server = begin();
    const { done, conversation } = waiting(server);
    const waited = reader();
    conversation.call(call, waited);
    await host.answer(broken);
    expect(waited.seen).toEqual([['refused', broken]]);
    const late = reader();
    conversation.attach({ stream: 0 }, late);
    expect(late.seen).toEqual([['refused', broken]]);
    let told: unknown;
    conversation.end((error) => {
      told = error;
    });
    expect(told).toBe(broken);
    clock.advance(1_000);
    await host.answer(report);
    server.rest();
    const third = reader();
    conversation.call(call, third);
    expect(third.seen).toEqual([['refused', expect.objectContaining({ code: 'resting' })]]);
    expect(done).toEqual([]);
    server.close();
  });

  it('of servers that nobody knows is for the supervisor to refuse', async () => {
    const server = begin();
    const { done, other } = waiting(server);
    other.end(() => {});
    expect(done).toEqual(['end']);
    server.close();
  });
});
