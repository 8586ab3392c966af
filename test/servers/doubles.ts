/** Packages, host and store in memory, for tests of what manages servers. */
import { join } from 'node:path';
import { SecretStore } from '../../src/auth/secret-store.ts';
import { ManualClock } from '../../src/clock.ts';
import { Discovery } from '../../src/discovery/discovery.ts';
import type { BerthError } from '../../src/errors.ts';
import type { PackageSource, Packages, ResolvedPackage, TreeSignatures } from '../../src/packages/package.ts';
import type { ServerHost, StderrLine } from '../../src/servers/host.ts';
import { createRemotePolicy } from '../../src/servers/remote-policy.ts';
import { type AskServer, ServerCalls } from '../../src/servers/server-calls.ts';
import type { ServerManagerOptions } from '../../src/servers/server-manager.ts';
import { ServerManager } from '../../src/servers/server-manager.ts';
import type { ServerRecord, ServerStore } from '../../src/servers/server-record.ts';
import { checkTemplateRights } from '../../src/servers/template-gate.ts';
import { addUsage, NO_USAGE, type Usage, type UsageDay, type UsageStore } from '../../src/servers/usage.ts';
import { UsageRecorder } from '../../src/servers/usage-recorder.ts';
import { SqliteTemplateStore } from '../../src/store/template-store.ts';
import type { HandshakeReport } from '../../src/supervisor/handshake-report.ts';
import type { ServerDefinition } from '../../src/supervisor/server-definition.ts';
import type { SessionReport } from '../../src/supervisor/session-report.ts';
import { loadCatalogue, type TemplateCatalogue } from '../../src/templates/catalogue.ts';
import { CustomTemplates } from '../../src/templates/custom-templates.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

export const TEMPLATES = new URL('../../registry-templates/', import.meta.url).pathname;

export const REPORT: HandshakeReport = {
  protocolVersion: '2025-11-25',
  eras: ['legacy'],
  serverInfo: { name: 'fixture', version: '1.0.0' },
  capabilities: { tools: {} },
  tools: ['echo', 'add'],
  spawnMs: 12.4,
  handshakeMs: 34.6,
};

/** A busy session, as a supervisor reports it. */
export function sessionReport(id: string, more: Partial<SessionReport> = {}): SessionReport {
  return {
    id,
    kind: 'session',
    state: 'busy',
    delivery: 'streams',
    principal: 'local',
    protocolVersion: '2025-11-25',
    ageMs: 60_000,
    idleMs: 1_000,
    callsInFlight: 1,
    queuedBytes: 0,
    bufferedBytes: 12,
    heldBytes: 340,
    lostNotifications: 0,
    processes: [{ pid: 77, queuedBytes: 0, messagesIn: 3, messagesOut: 4, noiseLines: 1 }],
    ...more,
  };
}

/** Answers what servers are asked, by method; without an answer it knows no such method. */
export class FakePeer {
  readonly asked: Parameters<AskServer>[0][] = [];
  readonly answers = new Map<string, AskServer>();

  readonly ask: AskServer = async (call) => {
    this.asked.push(call);
    const answer = this.answers.get(call.method);
    return answer ? await answer(call) : { error: { code: -32601, message: 'Method not found' } };
  };

  /** Answers a method with these results in turn, the last one for good. */
  give(method: string, ...results: Record<string, unknown>[]): void {
    let next = 0;
    this.answers.set(method, async () => ({ result: results[Math.min(next++, results.length - 1)] ?? {} }));
  }
}

/** Resolves everything to 1.2.3; each step can be held or failed. */
export class FakePackages implements Packages {
  readonly resolved: PackageSource[] = [];
  readonly installed: { name: string; key: string | undefined }[] = [];
  readonly launched: { args: readonly string[]; env: Readonly<Record<string, string>>; home: string }[] = [];
  failure: BerthError | undefined;
  /** What resolving rejects with. */
  unknown: BerthError | undefined;
  hold: Promise<void> | undefined;

  async resolve(source: PackageSource): Promise<ResolvedPackage> {
    this.resolved.push(source);
    if (this.unknown) throw this.unknown;
    return {
      ecosystem: source.ecosystem,
      name: source.name,
      version: '1.2.3',
      allowInstallScripts: false,
      constraints: source.constraints ?? [],
    };
  }

  async install(resolved: ResolvedPackage, options: Parameters<Packages['install']>[1] = {}) {
    this.installed.push({ name: resolved.name, key: options.key });
    options.progress?.({ phase: 'install', text: 'added 3 packages' });
    const { signal } = options;
    const aborted = new Promise<never>((_, reject) =>
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true }),
    );
    // Nobody may be waiting for it.
    aborted.catch(() => undefined);
    if (this.hold) await Promise.race([this.hold, aborted]);
    if (this.failure) throw this.failure;
    return {
      key: `tree-${resolved.name}`,
      path: '/trees/1',
      resolved,
      program: { file: '/trees/1/node', args: ['/trees/1/bin.js'] },
    };
  }

  launch(tree: Awaited<ReturnType<Packages['install']>>, input: Parameters<Packages['launch']>[1]) {
    this.launched.push(input);
    return {
      file: tree.program.file,
      args: [...tree.program.args, ...input.args],
      env: input.env,
      cwd: input.home,
    };
  }

  /** What {@link signatures} finds. */
  signed: TreeSignatures | undefined;

  async signatures(): Promise<TreeSignatures | undefined> {
    return this.signed;
  }

  async collect() {
    return { removed: [], bytes: 0 };
  }
}

export class FakeHost implements ServerHost {
  readonly probed: ServerDefinition[] = [];
  readonly defined = new Map<string, ServerDefinition>();
  /** Probes wait for it. */
  hold: Promise<void> | undefined;
  readonly undefined: { id: string; force: boolean }[] = [];
  readonly lines = new Map<string, StderrLine[]>();
  readonly open = new Map<string, SessionReport[]>();
  readonly renewed: string[] = [];
  /** What the next {@link takeUsage} gives. */
  readonly used = new Map<string, Usage>();
  readonly #readers = new Map<string, Set<(line: StderrLine) => void>>();
  failure: BerthError | undefined;
  /** What a probe finds. */
  report: HandshakeReport = REPORT;

  async probe(definition: ServerDefinition, signal?: AbortSignal): Promise<HandshakeReport> {
    this.probed.push(definition);
    if (this.hold) await this.hold;
    signal?.throwIfAborted();
    if (this.failure) throw this.failure;
    return this.report;
  }

  define(definition: ServerDefinition): void {
    this.defined.set(definition.id, definition);
  }

  renew(id: string): void {
    this.renewed.push(id);
  }

  async undefine(id: string, options: { readonly force: boolean }): Promise<void> {
    this.undefined.push({ id, ...options });
    this.defined.delete(id);
  }

  activity(id: string) {
    return this.defined.has(id)
      ? { sessions: 2, processes: 1, inUse: true, lastActivity: Date.UTC(2026, 10, 21) }
      : undefined;
  }

  sessions(id: string): SessionReport[] {
    return this.open.get(id) ?? [];
  }

  takeUsage(): Map<string, Usage> {
    const taken = new Map(this.used);
    this.used.clear();
    return taken;
  }

  async endSessions(id: string, session?: string): Promise<number> {
    const open = this.sessions(id);
    const left = session === undefined ? [] : open.filter((report) => report.id !== session);
    this.open.set(id, left);
    return open.length - left.length;
  }

  stderr(id: string, line: (line: StderrLine) => void): () => void {
    const readers = this.#readers.get(id) ?? new Set();
    this.#readers.set(id, readers.add(line));
    return () => readers.delete(line);
  }

  stderrTail(id: string, count: number): StderrLine[] {
    return (this.lines.get(id) ?? []).slice(-count);
  }

  /** A process writes a line. */
  write(id: string, text: string): void {
    const line = { at: Date.UTC(2026, 10, 21), pid: 77, text };
    this.lines.set(id, [...(this.lines.get(id) ?? []), line]);
    for (const reader of this.#readers.get(id) ?? []) reader(line);
  }

  readers(id: string): number {
    return this.#readers.get(id)?.size ?? 0;
  }
}

export class MemoryStore implements ServerStore {
  readonly records = new Map<string, ServerRecord>();

  list(): ServerRecord[] {
    return [...this.records.values()];
  }

  save(record: ServerRecord): void {
    // What cannot be written down would be lost in a real store.
    this.records.set(record.id, JSON.parse(JSON.stringify(record)));
  }

  remove(id: string): void {
    this.records.delete(id);
  }
}

export class MemoryUsageStore implements UsageStore {
  readonly rows = new Map<string, UsageDay & { readonly server: string }>();

  add(day: string, usage: ReadonlyMap<string, Usage>): void {
    for (const [server, one] of usage) {
      const sum = addUsage(this.rows.get(`${server} ${day}`) ?? NO_USAGE, one);
      this.rows.set(`${server} ${day}`, { server, day, ...sum });
    }
  }

  days(of: string, since: string): UsageDay[] {
    return [...this.rows.values()]
      .filter(({ server, day }) => server === of && day >= since)
      .map(({ server: _server, ...row }) => row)
      .sort((a, b) => (a.day < b.day ? 1 : -1));
  }

  forget(before: string): void {
    for (const [key, { day }] of this.rows) if (day < before) this.rows.delete(key);
  }
}

/** A manager over doubles; `again` makes the next gateway over the same store. */
/** Its registries are on a port of this machine where nobody listens. */
function createDiscovery(templates: TemplateCatalogue, folder: string): Discovery {
  const env = {
    HOME: folder,
    NPM_CONFIG_REGISTRY: 'http://127.0.0.1:1/',
    PIP_INDEX_URL: 'http://127.0.0.1:1/simple/',
    PIP_CONFIG_FILE: '/dev/null',
  };
  return new Discovery({
    dataDir: folder,
    env,
    templates,
    registries: [],
    pypiNames: false,
    deadline: 5_000,
  });
}

export async function createFixture(options: Partial<ServerManagerOptions> = {}) {
  const packages = new FakePackages();
  const host = new FakeHost();
  const store = new MemoryStore();
  const usage = new MemoryUsageStore();
  const clock = new ManualClock();
  const recorder = new UsageRecorder({ host, store: usage, clock, keepDays: 90 });
  const homes = temporaryFolder('homes');
  const templates = await loadCatalogue(TEMPLATES);
  const custom = new CustomTemplates({
    catalogue: templates,
    store: new SqliteTemplateStore(':memory:'),
    permit: (template) =>
      checkTemplateRights(template, {
        allow: { npm: true, pypi: true, remote: true },
        remote: createRemotePolicy([]),
      }),
  });
  const files: Record<string, string> = {};
  const secretStore = new SecretStore(join(homes, 'secrets'));
  const secrets = {
    env: { BRAVE: 'canary-brave', EMPTY: '' } as Record<string, string | undefined>,
    async readFile(path: string) {
      const text = files[path];
      if (text === undefined) throw new Error('ENOENT');
      return text;
    },
    stored: (name: string) => secretStore.value(name),
  };
  const build = (more: Partial<ServerManagerOptions> = {}) =>
    new ServerManager({
      packages,
      host,
      store,
      templates,
      usage: recorder,
      homes,
      secrets,
      publicUrl: 'http://127.0.0.1:8053',
      allow: { npm: true, pypi: true, remote: true },
      maxServers: 50,
      parallelStarts: 4,
      health: { interval: 0, failures: 3, timeout: 30_000 },
      ...options,
      ...more,
    });
  const peer = new FakePeer();
  return {
    manager: build(),
    again: build,
    calls: new ServerCalls(peer.ask),
    discovery: createDiscovery(templates, homes),
    ...{ peer, packages, host, store, templates, custom, homes, secrets, secretStore, files },
  };
}
