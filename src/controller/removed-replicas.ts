/** Tells replicas whose server is there no more: clients cannot reach the sessions that they would wait for. */
import type { Cancel, Clock } from '../clock.ts';
import { SERVER_LABEL, UID_LABEL } from '../cluster/objects/naming.ts';
import type { Pod } from '../cluster/objects/pod-types.ts';
import { isAskable, type ReplicaProbe } from './replica-probe.ts';

/** Milliseconds to the next try with one that could not be told. */
const TRY_AGAIN = 5_000;

export interface RemovedReplicasOptions {
  readonly probe?: ReplicaProbe;
  readonly clock: Clock;
  /** The pods of that server are to be looked at again. */
  readonly again: (server: string) => void;
}

export class RemovedReplicas {
  readonly #options: RemovedReplicasOptions;
  /** Uids of pods that know, or are being told. */
  readonly #told = new Set<string>();
  readonly #tries = new Map<string, Cancel>();

  constructor(options: RemovedReplicasOptions) {
    this.#options = options;
  }

  /** `pods`: all that there are; those count that are being ended and were made for an object of this name that is not the one with `uid`. */
  tell(name: string, uid: string | undefined, pods: readonly Pod[]): void {
    for (const pod of pods) if (isLeftOf(pod, name, uid)) void this.#tell(name, pod);
    if (this.#told.size > 0) this.#keepOnly(pods);
  }

  close(): void {
    for (const cancel of this.#tries.values()) cancel();
    this.#tries.clear();
  }

  async #tell(name: string, pod: Pod): Promise<void> {
    const { probe, clock, again } = this.#options;
    const { uid = '' } = pod.metadata;
    if (!probe?.removed || this.#told.has(uid)) return;
    this.#told.add(uid);
    if (await probe.removed(pod)) return;
    this.#told.delete(uid);
    this.#tries.get(name)?.();
    const cancel = clock.after(TRY_AGAIN, () => {
      this.#tries.delete(name);
      again(name);
    });
    this.#tries.set(name, cancel);
  }

  #keepOnly(pods: readonly Pod[]): void {
    const there = new Set(pods.map(({ metadata }) => metadata.uid));
    for (const uid of this.#told) if (!there.has(uid)) this.#told.delete(uid);
  }
}

function isLeftOf(pod: Pod, name: string, uid: string | undefined): boolean {
  const { labels, deletionTimestamp } = pod.metadata;
  if (deletionTimestamp === undefined || labels?.[SERVER_LABEL] !== name) return false;
  return labels[UID_LABEL] !== uid && isAskable(pod);
}
