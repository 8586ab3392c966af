/** Starts a package as restricted as this machine can, talks to it in both eras, and tells what was seen. */
import { type Clock, systemClock } from '../../clock.ts';
import { BerthError, toBerthError } from '../../errors.ts';
import type { InspectionHost, Observation, TrialStart } from '../../inspection/host.ts';
import type { InspectionPhase } from '../../inspection/report.ts';
import type { Era } from '../../supervisor/handshake-report.ts';
import type { Launch } from '../../supervisor/launch.ts';
import { spawnProcess } from '../../supervisor/process.ts';
import type { ProcessOwner } from '../../supervisor/process-mark.ts';
import { createProcessRegistry } from '../../supervisor/process-registry.ts';
import { createProcessTable, type ProcessTable } from '../../supervisor/process-table.ts';
import { findSandbox } from '../../supervisor/sandbox/bubblewrap.ts';
import type { Place, Sandbox, SandboxSearch } from '../../supervisor/sandbox/containment.ts';
import type { ServerLimits } from '../../supervisor/server-definition.ts';
import { type Attempt, askWhole, FIRST_LINES, type Told, tryEras } from './eras.ts';
import { watchMemory } from './memory-watch.ts';
import { readableFolders } from './readable-folders.ts';
import { writtenFiles } from './written-files.ts';

export interface InspectionHostOptions {
  /** Marks the processes as this program's. */
  readonly owner: ProcessOwner;
  readonly limits: Pick<ServerLimits, 'startTimeout' | 'lineBytes' | 'eofGrace' | 'termGrace'>;
  readonly table?: ProcessTable;
  readonly clock?: Clock;
  /** Looks for a sandbox; asked again while there is none. */
  readonly search?: () => Promise<SandboxSearch>;
}

export function createInspectionHost(options: InspectionHostOptions): InspectionHost {
  return new LocalInspections(options);
}

interface Trial extends TrialStart {
  readonly contained: Launch;
  readonly place: Place;
  readonly sandbox: Sandbox | undefined;
  /** Bytes of memory in each of its starts. */
  readonly peaks: number[];
}

class LocalInspections implements InspectionHost {
  readonly #options: InspectionHostOptions;
  readonly #clock: Clock;
  readonly #table: ProcessTable;
  readonly #registry = createProcessRegistry();
  #found: SandboxSearch | undefined;

  constructor(options: InspectionHostOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#table = options.table ?? createProcessTable();
  }

  async checkSandbox(): Promise<void> {
    await this.#sandbox();
  }

  async observe(start: TrialStart): Promise<Observation> {
    const trial = await this.#prepare(start);
    const { main, eras } = await tryEras(
      (era, patience) => this.#try(era, trial, patience),
      this.#options.limits.startTimeout,
    );
    const { hosts } = (await trial.sandbox?.seen(trial.place)) ?? {};
    const folders = trial.sandbox ? { '~': start.home, '/tmp': start.temporary } : { '~': start.home };
    return {
      ...(main.told && { report: { ...main.told.report, eras } }),
      offers: main.told?.offers ?? {},
      ...(main.failure && { failure: main.failure }),
      phases: main.told?.phases ?? [],
      ...(trial.peaks.length > 0 && { peakMemoryBytes: Math.max(...trial.peaks) }),
      written: await writtenFiles(folders),
      ...(hosts && { hosts }),
      stderr: main.stderr,
    };
  }

  async close(): Promise<void> {
    await this.#registry.endAll({ force: true });
  }

  async #sandbox(): Promise<Sandbox> {
    const { search = findSandbox } = this.#options;
    if (!this.#found || 'reason' in this.#found) this.#found = await search();
    if ('sandbox' in this.#found) return this.#found.sandbox;
    throw new BerthError(
      'not-allowed',
      `nothing here can hold a stranger's package in: ${this.#found.reason}`,
      {
        hint: 'Install bubblewrap (package bubblewrap of Debian, Ubuntu, Fedora, Alpine) where user namespaces are allowed, or accept what run does, too: berth inspect --unsafe.',
      },
    );
  }

  async #prepare(start: TrialStart): Promise<Trial> {
    const { launch, folder, home, temporary, network, unsafe } = start;
    const readable = await readableFolders(start.tree);
    const place = { folder, home, temporary, readable, network };
    const sandbox = unsafe ? undefined : await this.#sandbox();
    const contained = sandbox ? await sandbox.contain(launch, place) : launch;
    return { ...start, contained, place, sandbox, peaks: [] };
  }

  /** Never rejects for what the package does. */
  async #try(era: Era, trial: Trial, patience: number): Promise<Attempt> {
    const stderr: string[] = [];
    try {
      const told = await this.#talk(era, { trial, patience, stderr });
      return { told, stderr };
    } catch (thrown) {
      trial.signal.throwIfAborted();
      return { failure: toBerthError(thrown), stderr };
    }
  }

  async #talk(era: Era, { trial, patience, stderr }: Talk): Promise<Told> {
    const { contained, secrets, signal } = trial;
    const { eofGrace, termGrace, lineBytes } = this.#options.limits;
    const [owner, table, clock, registry] = [this.#options.owner, this.#table, this.#clock, this.#registry];
    const graces = { eof: eofGrace, term: termGrace };
    const begun = Date.now();
    signal.throwIfAborted();
    const process = await spawnProcess(contained, {
      ...{ owner, table, clock, registry, secrets, graces, maxLineBytes: lineBytes },
    });
    process.onStderr((line) => {
      if (stderr.length < FIRST_LINES) stderr.push(line);
    });
    const memory = watchMemory(process.pid, { table, contained: trial.sandbox !== undefined, clock });
    try {
      const { report, offers, answered } = await askWhole(era, process, {
        ...{ timeoutMs: patience, signal, clock },
      });
      const { startedAt = begun } = (await trial.sandbox?.seen(trial.place)) ?? {};
      const phases: InspectionPhase[] = [
        ...(trial.sandbox ? [{ phase: 'sandbox' as const, ms: startedAt - begun }] : []),
        { phase: 'start', ms: answered - startedAt },
        { phase: 'list', ms: Date.now() - answered },
      ];
      return { report, offers, phases };
    } finally {
      const peak = await memory.stop();
      if (peak !== undefined) trial.peaks.push(peak);
      await process.stop();
    }
  }
}

interface Talk {
  readonly trial: Trial;
  readonly patience: number;
  readonly stderr: string[];
}
