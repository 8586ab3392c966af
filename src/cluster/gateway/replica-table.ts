/** The replicas of every server, and which of them serves what (data-path.md 5.4). */
import type { Clock } from '../../clock.ts';
import { BerthError, toBerthError } from '../../errors.ts';
import type { Link } from '../../link/link.ts';
import type { LinkQuestion } from '../../link/question.ts';
import { rendezvous } from '../../link/router.ts';
import type { ReplicaPod } from './replica-pod.ts';

/** Milliseconds within which sessions have been counted: two looks of the controller, and what they take. Shorter ones may never be. */
const PLACED_FOR = 25_000;
/** Milliseconds for which a replica that took no more sessions comes last. */
const FULL_FOR = 5_000;
/** Milliseconds for which one that is about to rest is not tried again. */
const REST_FOR = 5_000;
/** Milliseconds in which a request that was sent back finds another replica. */
const MOVE_WITHIN = 60_000;
/** Milliseconds in which replicas say whether they know a caller. */
const ASK_WITHIN = 2_000;
/** Callers whose replica is remembered. */
const MOST_CALLERS = 10_000;

export interface ReplicaRoute {
  readonly replica: string;
  readonly link: Link;
  /** Which one it really is, where that has to be asked first. */
  readonly settled?: Promise<ReplicaRoute>;
  readonly next?: (refusal: BerthError) => ReplicaRoute | Promise<ReplicaRoute> | undefined;
}

/** What is to be placed, and until when (a clock reading) it may be moved. */
interface Placing {
  readonly server: string;
  readonly key: string;
  readonly until: number;
}

export interface ReplicaTableOptions {
  readonly clock: Clock;
  readonly link: (pod: ReplicaPod) => Link;
  /** A replica that was about to run has answered. */
  readonly reached?: (pod: ReplicaPod) => void;
}

interface Entry {
  pod: ReplicaPod;
  /** It has answered, though the cluster does not know yet that it runs. */
  answers: boolean;
  asked: boolean;
  /** Sessions that this gateway put there since they were last counted, and until when they count. */
  placed: number;
  placedUntil: number;
  fullUntil: number;
  restsUntil: number;
}

export class ReplicaTable {
  readonly #options: ReplicaTableOptions;
  readonly #servers = new Map<string, Map<string, Entry>>();
  #away: (server: string) => Promise<void> = () => Promise.resolve();
  /** Where callers without a session went: they stay there when replicas are added. */
  readonly #callers = new Map<string, string>();
  /** Callers of whom replicas are asked just now. */
  readonly #asking = new Map<string, Promise<Entry>>();

  constructor(options: ReplicaTableOptions) {
    this.#options = options;
  }

  put(pod: ReplicaPod): void {
    const entries = this.#servers.get(pod.server) ?? new Map<string, Entry>();
    this.#servers.set(pod.server, entries);
    const known = entries.get(pod.name);
    if (known) return seenAgain(known, pod);
    entries.set(pod.name, {
      ...{ pod, answers: false, asked: false, placed: 0 },
      ...{ placedUntil: Number.NEGATIVE_INFINITY },
      ...{ fullUntil: Number.NEGATIVE_INFINITY, restsUntil: Number.NEGATIVE_INFINITY },
    });
  }

  remove({ server, name }: Pick<ReplicaPod, 'server' | 'name'>): void {
    const entries = this.#servers.get(server);
    entries?.delete(name);
    if (entries?.size === 0) this.#servers.delete(server);
  }

  of(server: string): ReplicaPod[] {
    return [...(this.#servers.get(server)?.values() ?? [])].map(({ pod }) => pod);
  }

  /** Whether anything new can begin. */
  isCallable(server: string): boolean {
    const now = this.#options.clock.now();
    for (const entry of this.#servers.get(server)?.values() ?? []) if (isUsable(entry, now)) return true;
    return false;
  }

  /** Somebody waits for this server: replicas that are about to run are asked, again and again, until they can answer. */
  reach(server: string): void {
    for (const entry of this.#servers.get(server)?.values() ?? [])
      if (entry.pod.coming && !entry.answers && !entry.asked) void this.#reach(entry);
  }

  async #reach(entry: Entry): Promise<void> {
    const { link, reached } = this.#options;
    const { server } = entry.pod;
    entry.asked = true;
    const answered = await link(entry.pod)
      .ask?.({ what: 'sessions', server })
      // One that refuses the question is there; `busy` is what the link says when it gives up.
      .then(
        () => true,
        (thrown: unknown) => toBerthError(thrown).code !== 'busy',
      );
    entry.asked = false;
    if (!answered || !entry.pod.coming) return;
    entry.answers = true;
    reached?.(entry.pod);
  }

  /** `bring`: resolves when something new can begin on a server whose replicas all rest. */
  whenAway(bring: (server: string) => Promise<void>): void {
    this.#away = bring;
  }

  /** New sessions go where there is most room, what a task is about to where it runs, and everything else to the replica of its key. */
  route(
    server: string,
    affinity: string,
    what?: 'session' | { readonly task: string },
  ): ReplicaRoute | undefined {
    const placing = { server, key: affinity, until: this.#options.clock.now() + MOVE_WITHIN };
    return typeof what === 'object' ? this.#toTask(placing, what.task) : this.#route(placing, what);
  }

  /** Where its caller is by now, unless a replica that is about to go says that it runs the task: it keeps its tasks until it goes. */
  #toTask(placing: Placing, task: string): ReplicaRoute | undefined {
    const { server, key: principal } = placing;
    const usual = this.#route(placing);
    const going = [...(this.#servers.get(server)?.values() ?? [])].filter(
      (entry) => entry.pod.leaving && canBeCalled(entry),
    );
    if (going.length === 0) return usual;
    const settled = this.#askAll(going, { what: 'task', server, principal, task }).then((holder) => {
      const route = holder ? this.#toEntry(placing, holder) : usual;
      if (!route) throw new BerthError('busy', 'no replica of this server is ready');
      return route.settled ?? route;
    });
    return { ...(usual ?? this.#toEntry(placing, going[0] as Entry)), settled };
  }

  #route(placing: Placing, kind?: 'session'): ReplicaRoute | undefined {
    const { server, key } = placing;
    const usable = this.#usable(server);
    if (kind === 'session') return this.#place(placing, this.#byRoom(usable, server, key), 0);
    const known = usable.find(({ pod }) => pod.name === this.#callers.get(`${server} ${key}`));
    const chosen = known ?? byHash(usable, server, key);
    if (!chosen) return undefined;
    if (known || usable.length < 2) return this.#toEntry(placing, chosen);
    const settled = this.#holderOf(placing, usable, chosen).then((entry) => this.#toEntry(placing, entry));
    return { ...this.#toEntry(placing, chosen), settled };
  }

  #toEntry(placing: Placing, entry: Entry): ReplicaRoute {
    const next = (refusal: BerthError) => (this.#rests(entry, refusal) ? this.#moved(placing) : undefined);
    return { replica: entry.pod.name, link: this.#options.link(entry.pod), next };
  }

  /**
   * The replica that has something of a caller already, whom this gateway does not know: it may have been sent there by another
   * gateway, or before there were as many replicas. Else the one that every gateway would choose.
   */
  #holderOf({ server, key }: Placing, usable: readonly Entry[], chosen: Entry): Promise<Entry> {
    const caller = `${server} ${key}`;
    const asked = this.#asking.get(caller);
    if (asked) return asked;
    const others = usable.filter((entry) => entry !== chosen);
    const asking = this.#askAll([chosen, ...others], { what: 'holds', server, principal: key })
      .then((holder = chosen) => {
        this.#remember(caller, holder);
        return holder;
      })
      .finally(() => this.#asking.delete(caller));
    this.#asking.set(caller, asking);
    return asking;
  }

  /** The first that says yes; undefined when none does in time. Those that cannot be asked hold nothing that could be served. */
  async #askAll(entries: readonly Entry[], question: LinkQuestion): Promise<Entry | undefined> {
    const late = Promise.withResolvers<undefined>();
    const cancel = this.#options.clock.after(ASK_WITHIN, () => late.resolve(undefined));
    const answers = entries.map(async (entry) => {
      const answer = await this.#options.link(entry.pod).ask?.(question);
      if (answer !== true) throw new Error('it holds nothing');
      return entry;
    });
    try {
      return await Promise.race([Promise.any(answers).catch(() => undefined), late.promise]);
    } finally {
      cancel();
    }
  }

  /** Whether a replica refused because it is about to go. */
  #rests(entry: Entry, { code }: BerthError): boolean {
    if (code !== 'resting') return false;
    entry.restsUntil = this.#options.clock.now() + REST_FOR;
    return true;
  }

  /** To another replica, or to the one that comes when the server is woken. */
  #moved(placing: Placing, kind?: 'session'): ReplicaRoute | Promise<ReplicaRoute> | undefined {
    if (this.#options.clock.now() >= placing.until) return undefined;
    return this.#route(placing, kind) ?? this.#woken(placing, kind);
  }

  async #woken(placing: Placing, kind?: 'session'): Promise<ReplicaRoute> {
    await this.#away(placing.server);
    const route = this.#route(placing, kind);
    if (!route) throw new BerthError('busy', 'no replica of this server is ready');
    return route;
  }

  /**
   * Of what has a session. Replicas that are about to go are included, and those that are about to run as far as is known here: another
   * gateway has been there.
   */
  replica(server: string, name: string): Link | undefined {
    const entry = this.#servers.get(server)?.get(name);
    return entry && (canBeCalled(entry) || entry.pod.coming) ? this.#options.link(entry.pod) : undefined;
  }

  /** Those that pass their probes; where none does, those that run: the link knows first. */
  #usable(server: string): Entry[] {
    const now = this.#options.clock.now();
    const running = [...(this.#servers.get(server)?.values() ?? [])].filter((entry) => isUsable(entry, now));
    const ready = running.filter(({ pod }) => pod.ready);
    return ready.length > 0 ? ready : running;
  }

  /** Emptiest first; among equals by hash, so that gateways do not all choose the same. */
  #byRoom(usable: readonly Entry[], server: string, key: string): Entry[] {
    if (usable.length < 2) return [...usable];
    const now = this.#options.clock.now();
    const load = ({ pod, placed, placedUntil, fullUntil }: Entry): number => {
      if (fullUntil > now) return Number.MAX_VALUE;
      return pod.sessions + (placedUntil > now ? placed : 0);
    };
    const favourite = byHash(usable, server, key);
    const rank = (entry: Entry): number => (entry === favourite ? 0 : 1);
    return [...usable].sort((a, b) => load(a) - load(b) || rank(a) - rank(b));
  }

  #place(placing: Placing, order: readonly Entry[], at: number): ReplicaRoute | undefined {
    const entry = order[at];
    if (!entry) return undefined;
    const now = this.#options.clock.now();
    if (entry.placedUntil <= now) entry.placed = 0;
    entry.placed++;
    entry.placedUntil = now + PLACED_FOR;
    const next = (refusal: BerthError): ReturnType<NonNullable<ReplicaRoute['next']>> => {
      entry.placed = Math.max(0, entry.placed - 1);
      const rests = this.#rests(entry, refusal);
      if (!rests) entry.fullUntil = this.#options.clock.now() + FULL_FOR;
      return this.#place(placing, order, at + 1) ?? (rests ? this.#moved(placing, 'session') : undefined);
    };
    return { replica: entry.pod.name, link: this.#options.link(entry.pod), next };
  }

  #remember(caller: string, { pod }: Entry): void {
    this.#callers.delete(caller);
    this.#callers.set(caller, pod.name);
    if (this.#callers.size > MOST_CALLERS) this.#forgetOldest();
  }

  #forgetOldest(): void {
    for (const caller of this.#callers.keys()) {
      this.#callers.delete(caller);
      return;
    }
  }
}

/** What was found out of a replica stays known; sessions are counted from what the cluster says, when that is news. */
function seenAgain(entry: Entry, pod: ReplicaPod): void {
  if (entry.pod.sessions !== pod.sessions) entry.placed = 0;
  if (!pod.coming) entry.answers = false;
  entry.pod = pod;
}

function canBeCalled({ pod, answers }: Entry): boolean {
  return pod.running || answers;
}

/** Whether something new can begin there at this reading of the clock. */
function isUsable(entry: Entry, now: number): boolean {
  return canBeCalled(entry) && !entry.pod.leaving && entry.restsUntil <= now;
}

function byHash(usable: readonly Entry[], server: string, key: string): Entry | undefined {
  const pods = usable.map(({ pod }) => pod);
  const chosen = rendezvous(pods, server, key);
  return usable.find(({ pod }) => pod === chosen);
}
