/**
 * A package that is tried in a pod made for it: brought, started once for each era, asked what it offers, ended, and looked at. Nobody
 * else reaches it, and nothing is tried again.
 */
import { basename } from 'node:path';
import type { Clock } from '../../clock.ts';
import { BerthError, toBerthError } from '../../errors.ts';
import { pythonOf } from '../../inspection/engine.ts';
import type { SupervisedServer } from '../../supervisor/definition-file.ts';
import type { Era, HandshakeReport } from '../../supervisor/handshake-report.ts';
import type { LeftFiles, PodInspection, PodObservation } from '../../supervisor/inspection-report.ts';
import { pause } from '../../supervisor/kill-set-ladder.ts';
import type { Launch } from '../../supervisor/launch.ts';
import { type Attempt, askWhole, FIRST_LINES, type Told, tryEras } from '../inspection/eras.ts';
import { toFailureReport } from './failure-report.ts';
import type { TrialHost } from './trial-host.ts';

export interface PodTrialOptions {
  readonly definition: SupervisedServer & { readonly launch: Launch };
  readonly host: TrialHost;
  readonly clock: Clock;
  /** Brings its tree. */
  readonly prepare?: () => Promise<void>;
  readonly changed: () => void;
}

/** Bringing the tree, which is no fault of the package: milliseconds before the second try, at most between two, and in all. */
const FIRST_RETRY = 1_000;
const LONGEST_RETRY = 15_000;
const BRING_LIMIT = 5 * 60_000;
/** Milliseconds for which the helper is waited for, as long as a start would, and between looks. */
const HELPER_MS = 15_000;
const LOOK_AGAIN = 100;
/** Milliseconds until the loss of a container is seen on all connections to it. */
const LOSS_MS = 1_000;
/** The most memory that this container has had, where there are control groups of version 2, and of version 1. */
const PEAK_FILES = ['/sys/fs/cgroup/memory.peak', '/sys/fs/cgroup/memory/memory.max_usage_in_bytes'] as const;
const OUR_ENV = { PATH: '/usr/local/bin:/usr/bin:/bin', LANG: 'C.UTF-8' };

export class PodTrial {
  readonly #options: PodTrialOptions;
  readonly #stop = new AbortController();
  #state: PodInspection['state'] = 'fetching';
  #seen: PodObservation | undefined;
  #failure: BerthError | undefined;
  /** Something of it may be alive after it was ended. */
  #mayRun = false;
  /** It was told to end, and nobody said that it has. */
  #notEnded = false;
  /** Of the helper, before the first start. */
  #life: number | undefined;
  /** Nothing new comes here anyway. */
  readonly resting = false;
  readonly check: undefined;

  /** Begins at once. */
  constructor(options: PodTrialOptions) {
    this.#options = options;
    void this.#run();
  }

  get inspection(): PodInspection {
    return { state: this.#state, ...(this.#seen && { seen: this.#seen }) };
  }

  get report(): HandshakeReport | undefined {
    return this.#seen?.report;
  }

  get failure(): BerthError | undefined {
    return this.#failure;
  }

  get preparing(): boolean {
    return this.#state === 'fetching';
  }

  /** Always: it is there for whoever has it tried. */
  get closed(): BerthError {
    return new BerthError('not-allowed', 'this package is being tried and serves nobody');
  }

  rest(): void {}

  /** Gives up what is under way. Idempotent. */
  close(): void {
    this.#stop.abort(new BerthError('stopped', 'the supervisor is ending'));
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const begun = Date.now();
    try {
      await this.#prepare();
      this.#enter('trying');
      this.#seen = await this.#observe(begun);
    } catch (thrown) {
      if (this.#stop.signal.aborted) return;
      this.#failure = toBerthError(thrown);
      const failure = toFailureReport(this.#failure);
      this.#seen = {
        ...PLACE,
        ...{ untried: true, failure },
        ...{ isolation: 'unknown', offers: {}, phases: [], stderr: [] },
      };
    }
    this.#enter('done');
  }

  #enter(state: PodInspection['state']): void {
    this.#state = state;
    this.#options.changed();
  }

  async #prepare(): Promise<void> {
    const { prepare, clock } = this.#options;
    const end = clock.now() + BRING_LIMIT;
    for (let wait = FIRST_RETRY; ; wait = Math.min(2 * wait, LONGEST_RETRY)) {
      this.#stop.signal.throwIfAborted();
      try {
        return await prepare?.();
      } catch (thrown) {
        if (clock.now() + wait > end) throw thrown;
        await pause(clock, wait);
      }
    }
  }

  async #observe(begun: number): Promise<PodObservation> {
    const { definition, host } = this.#options;
    const isolation = await host.isolation(this.#stop.signal);
    await this.#awaitHelper();
    const sandbox = { phase: 'sandbox', ms: Date.now() - begun } as const;
    const { main, eras } = await tryEras(
      (era, patience) => this.#try(era, patience),
      definition.limits.startTimeout,
    );
    if (this.#mayRun) await pause(this.#options.clock, LOSS_MS);
    this.#failure = main.failure ?? (this.#notEnded && !this.#containerLost ? notEnded() : undefined);
    // First: what is run to look needs memory as well.
    const peak = await this.#peak();
    const [written, engine] = [await this.#left(), await this.#engine()];
    return {
      ...PLACE,
      ...(engine !== undefined && { engine }),
      isolation,
      ...(main.told && { report: { ...main.told.report, eras } }),
      offers: main.told?.offers ?? {},
      ...(this.#failure && { failure: toFailureReport(this.#failure) }),
      ...(this.#containerLost && { containerLost: true }),
      phases: [sandbox, ...(main.told?.phases ?? [])] as PodObservation['phases'],
      ...(peak !== undefined && { peakMemoryBytes: peak }),
      ...(written && { written }),
      stderr: main.stderr,
    };
  }

  /** One that does not come is told of by the start. */
  async #awaitHelper(): Promise<void> {
    const { clock, host } = this.#options;
    const end = clock.now() + HELPER_MS;
    while (host.life === undefined && clock.now() < end && !this.#stop.signal.aborted)
      await pause(clock, LOOK_AGAIN);
    this.#life = host.life;
  }

  /** What is there now, is not what it has run in. */
  get #containerLost(): boolean {
    const { life } = this.#options.host;
    return life === undefined || life !== this.#life;
  }

  /** Never rejects for what the package does. */
  async #try(era: Era, patience: number): Promise<Attempt> {
    const stderr: string[] = [];
    if (this.#mayRun) return { failure: notEnded(), stderr };
    try {
      return { told: await this.#talk(era, patience, stderr), stderr };
    } catch (thrown) {
      this.#stop.signal.throwIfAborted();
      return { failure: toBerthError(thrown), stderr };
    }
  }

  async #talk(era: Era, timeoutMs: number, stderr: string[]): Promise<Told> {
    const { definition, host, clock } = this.#options;
    const { eofGrace: eof, termGrace: term, lineBytes: maxLineBytes } = definition.limits;
    const { secrets, launch } = definition;
    const begun = Date.now();
    // Until the helper says otherwise: one that does not answer may have started it.
    this.#mayRun = true;
    const process = await host.start(launch, { clock, secrets, maxLineBytes, graces: { eof, term } });
    process.onStderr((line) => {
      if (stderr.length < FIRST_LINES) stderr.push(line);
    });
    try {
      const { signal } = this.#stop;
      const { report, offers, answered } = await askWhole(era, process, { timeoutMs, signal, clock });
      const list = Date.now() - answered;
      return {
        ...{ report, offers },
        phases: [
          { phase: 'start', ms: answered - begun },
          { phase: 'list', ms: list },
        ],
      };
    } finally {
      await process.stop();
      this.#mayRun = process.mayRun === true;
      this.#notEnded = this.#mayRun;
    }
  }

  async #peak(): Promise<number | undefined> {
    const said = await this.#read('/bin/cat', PEAK_FILES);
    const bytes = Number(/^\d+$/m.exec(said ?? '')?.[0]);
    return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
  }

  async #left(): Promise<LeftFiles | undefined> {
    const { look } = this.#options.definition.inspection ?? {};
    const said = look && (await this.#read(look.file, look.args));
    return said === undefined ? undefined : toLeftFiles(said);
  }

  async #engine(): Promise<string | undefined> {
    const { launch, tree } = this.#options.definition;
    const python = tree && (await pythonOf(tree.into));
    if (python !== undefined) return python;
    if (basename(launch.file) !== 'node') return undefined;
    const version = /^v(\S+)/.exec((await this.#read(launch.file, ['--version'])) ?? '')?.[1];
    return version === undefined ? undefined : `Node ${version}`;
  }

  /** Undefined when that cannot be done, where it may be looking on, and in another container than it has run in. */
  async #read(file: string, args: readonly string[]): Promise<string | undefined> {
    if (this.#mayRun || this.#containerLost) return undefined;
    const launch = { file, args: [...args], env: OUR_ENV, cwd: '/' };
    const said = await this.#options.host.read(launch).catch(() => undefined);
    return this.#containerLost ? undefined : said;
  }
}

/** Both containers of the pod are on one node. */
const PLACE = { platform: `${process.platform}-${process.arch}` };

function notEnded(): BerthError {
  return new BerthError('start-failed', 'it could not be ended: something of it may still run', {
    phase: 'run',
    hint: 'Its pod is removed, which ends it. Do not trust it: an honest server ends when it is told to.',
  });
}

/** What says it is a program of ours, but in a container that nobody trusts. */
function toLeftFiles(said: string): LeftFiles | undefined {
  try {
    const { files, total } = JSON.parse(said) as Partial<LeftFiles>;
    if (!Array.isArray(files) || typeof total !== 'number') return undefined;
    return { files: files.map(({ path, bytes }) => ({ path: String(path), bytes: Number(bytes) })), total };
  } catch {
    return undefined;
  }
}
