/** One link for each replica that is called: made at its first use, asleep when nothing is in hand, dropped with its pod. */
import type { Duplex } from 'node:stream';
import type { Clock } from '../../clock.ts';
import type { BerthError } from '../../errors.ts';
import type { Link } from '../../link/link.ts';
import type { LinkCount } from '../../link/link-count.ts';
import { createSocketLink } from '../../link/socket-link.ts';
import type { ReplicaPod } from './replica-pod.ts';

export interface ReplicaLinksOptions {
  /** A new byte stream to the supervisor of a pod, by whatever carrier. */
  readonly connect: (pod: ReplicaPod, signal: AbortSignal) => Promise<Duplex>;
  /** Names this run of the gateway. */
  readonly instance: string;
  readonly clock?: Clock;
  /** A link broke or could not be made; it is tried again for as long as somebody waits. */
  readonly onDown?: (pod: ReplicaPod, error: BerthError) => void;
  readonly onFault?: (error: BerthError) => void;
  readonly count?: LinkCount;
}

interface Way {
  link: Link;
  /** As it was last seen: after a restart of its node it has another address. */
  pod: ReplicaPod;
}

export class ReplicaLinks {
  readonly #options: ReplicaLinksOptions;
  readonly #links = new Map<string, Way>();
  #closed = false;

  constructor(options: ReplicaLinksOptions) {
    this.#options = options;
  }

  /** Cheap: nothing is connected before something is asked. */
  of(pod: ReplicaPod): Link {
    const known = this.#links.get(pod.name);
    if (known) {
      known.pod = pod;
      return known.link;
    }
    const { connect, instance, clock, onDown, onFault, count } = this.#options;
    const way = { pod } as Way;
    way.link = createSocketLink({
      connect: (signal) => connect(way.pod, signal),
      instance,
      lazy: true,
      starting: () => way.pod.coming,
      ...(clock && { clock }),
      ...(onFault && { onFault }),
      ...(count && { count }),
      onState: (up, error) => {
        if (!up && error) onDown?.(way.pod, error);
      },
    });
    if (this.#closed) void way.link.close();
    else this.#links.set(pod.name, way);
    return way.link;
  }

  /** The pod is gone: what waits for it is told so. */
  drop(name: string): void {
    const way = this.#links.get(name);
    this.#links.delete(name);
    void way?.link.close({ gone: true });
  }

  /** Sessions live on in their pods. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    const links = [...this.#links.values()];
    this.#links.clear();
    await Promise.all(links.map(({ link }) => link.close()));
  }
}
