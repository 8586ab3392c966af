/** What a look at a cluster has found: how it is, and what to do about it. */

export interface Finding {
  /** What was looked at, in a word or two. */
  readonly check: string;
  /** `unknown`: it cannot be told, for the reason given. */
  readonly state: 'ok' | 'warning' | 'problem' | 'unknown';
  readonly message: string;
  /** The next step, wherever it is not `ok`. */
  readonly fix?: string;
}

/** Where Berth is, or is to be. */
export interface DoctorPlaces {
  readonly release: string;
  /** Of gateway and controller. */
  readonly namespace: string;
  /** Of the servers. */
  readonly servers: string;
}
