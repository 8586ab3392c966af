/** The processes that end together with one server process (or with one mark), each known by pid and start time. */
import type { ProcessEntry, ProcessTable } from './process-table.ts';

export interface KillTarget {
  readonly mark: string;
  /** The server process itself, leader of its own group and session; absent when only the mark is known. */
  readonly leader?: { readonly pid: number; readonly started: string | undefined };
}

/** Grows with every reading, so that a child whose parent has ended meanwhile is still known. */
export class KillSet {
  readonly #target: KillTarget;
  readonly #table: ProcessTable;
  #members = new Map<number, string>();

  constructor(target: KillTarget, table: ProcessTable) {
    this.#target = target;
    this.#table = table;
  }

  get pids(): number[] {
    return [...this.#members.keys()];
  }

  /** Reads the process table again; resolves with the number of members alive. */
  async refresh(): Promise<number> {
    const entries = await this.#table.scan().catch(() => undefined);
    this.#members = entries ? membersOf(this.#target, this.#members, entries) : this.#knownAlive();
    return this.#members.size;
  }

  /** While the table cannot be read (no file handles left), what is known already must do. */
  #knownAlive(): Map<number, string> {
    const { leader } = this.#target;
    const known = [...this.#members];
    if (leader?.started !== undefined) known.push([leader.pid, leader.started]);
    return new Map(known.filter(([pid, started]) => this.#table.started(pid) === started));
  }

  /** Signals every member that is still the process it was when it was read. */
  signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    for (const [pid, started] of this.#members)
      if (this.#table.started(pid) === started) sendSignal(pid, signal);
  }
}

/** Which of `entries` belong to the target: by earlier knowledge, mark, group or session, and their children. */
export function membersOf(
  target: KillTarget,
  known: ReadonlyMap<number, string>,
  entries: readonly ProcessEntry[],
): Map<number, string> {
  const group = ownGroup(target, entries);
  const children = Map.groupBy(entries, (entry) => entry.parent);
  const members = new Map<number, string>();
  const found = entries.filter((entry) => {
    const inGroup = group !== undefined && (entry.group === group || entry.session === group);
    return inGroup || entry.mark === target.mark || known.get(entry.pid) === entry.started;
  });
  for (let entry = found.pop(); entry; entry = found.pop()) {
    if (members.has(entry.pid) || entry.pid === process.pid || entry.pid <= 1) continue;
    members.set(entry.pid, entry.started);
    found.push(...(children.get(entry.pid) ?? []));
  }
  return members;
}

/** The leader's group, unless its pid is another process's by now: then the group is that one's. */
function ownGroup(target: KillTarget, entries: readonly ProcessEntry[]): number | undefined {
  const leader = target.leader;
  if (!leader) return undefined;
  const taken = entries.some((entry) => entry.pid === leader.pid && entry.started !== leader.started);
  return taken ? undefined : leader.pid;
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone since it was read, or not ours to signal: the next reading tells.
  }
}
