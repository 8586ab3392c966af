/** Tells of each replica that its node has lost, once: its sessions ended with it, and the next replica hides why. */
import type { McpServer } from '../cluster/mcp-server.ts';
import type { Pod } from '../cluster/objects/pod-types.ts';
import type { EventRecorder } from './event-recorder.ts';
import type { PodWarnings } from './pod-warnings.ts';
import { lossProblem } from './problem.ts';

/** Milliseconds after which it is no news: what was said of it then is kept no longer by the cluster either. */
const NEWS = 60 * 60_000;
/** By which kubelet ends a pod: where the programs of one end well when they are told to, its status says no more than that they did. */
const ENDS: ReadonlySet<string> = new Set(['Evicted', 'Preempting', 'NodeShutdown']);

export interface LostReplicasOptions {
  readonly events: Pick<EventRecorder, 'lost'>;
  readonly warnings?: PodWarnings;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export class LostReplicas {
  readonly #options: LostReplicasOptions;
  /** Uids of the pods that were told of, by that of their server. */
  readonly #told = new Map<string, ReadonlySet<string>>();

  constructor(options: LostReplicasOptions) {
    this.#options = options;
  }

  /** `lost`: all of the server that lie about. Rejects when an Event cannot be written; what was not told is not told again. */
  async tell(server: McpServer, lost: readonly Pod[], signal: AbortSignal): Promise<void> {
    const { uid: of = '' } = server.metadata;
    const before = this.#told.get(of);
    if (lost.length === 0) return void this.#told.delete(of);
    this.#told.set(of, new Set(lost.map(uidOf)));
    for (const pod of lost) {
      const isNews = !before?.has(uidOf(pod)) && this.#options.now() - endOf(pod) < NEWS;
      if (!isNews) continue;
      const said = pod.status?.reason ? undefined : await this.#options.warnings?.newest(pod, signal, ENDS);
      await this.#options.events.lost(server, pod.metadata.name ?? '', lossProblem(pod, said));
    }
  }

  /** Forgets those of all other servers. */
  keepOnly(servers: readonly McpServer[]): void {
    const there = new Set(servers.map(({ metadata }) => metadata.uid));
    for (const uid of this.#told.keys()) if (!there.has(uid)) this.#told.delete(uid);
  }
}

function uidOf({ metadata: { uid = '' } }: Pod): string {
  return uid;
}

/** Milliseconds since 1970 at which it changed last; 0 when nothing says so. */
function endOf({ status }: Pod): number {
  const times = [
    ...(status?.conditions ?? []).map(({ lastTransitionTime }) => lastTransitionTime),
    ...(status?.containerStatuses ?? []).map(({ state }) => state?.terminated?.finishedAt),
  ];
  return Math.max(0, ...times.map((at) => Date.parse(at ?? '') || 0));
}
