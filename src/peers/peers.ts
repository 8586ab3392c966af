/** What gateways of one release tell each other: what came to one of them and belongs to another. */

export interface Peers {
  /** Tells every other gateway. Resolves to whether one of them had a use for it; never rejects. */
  tell(topic: string, content: unknown): Promise<boolean>;
  /** Calls back with what other gateways tell about a topic; it returns whether it has a use for that. Returns the unsubscribe. */
  onTold(topic: string, listener: PeerListener): () => void;
}

export type PeerListener = (content: unknown) => boolean;

/** Listeners by topic. */
export class PeerTopics {
  readonly #listeners = new Map<string, Set<PeerListener>>();

  on(topic: string, listener: PeerListener): () => void {
    const listeners = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, listeners);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }

  /** Whether a listener had a use for it. */
  tell(topic: string, content: unknown): boolean {
    let used = false;
    for (const listener of this.#listeners.get(topic) ?? []) used = listener(content) || used;
    return used;
  }
}

/** A gateway that is the only one. */
export const NO_PEERS: Peers = {
  tell: () => Promise.resolve(false),
  onTold: () => () => {},
};
