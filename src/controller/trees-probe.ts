/** Asks berth-trees whether it has a tree; asking keeps it from being collected. */
import { request } from 'node:http';
import { type Clock, systemClock } from '../clock.ts';
import type { TreesProbe } from './install.ts';

/** Milliseconds for an answer. */
const TIMEOUT = 5_000;
/** Milliseconds in which nobody waits again for a service that has just said nothing in its time. */
const LEFT_ALONE = 10_000;

export interface TreesProbeOptions {
  readonly clock?: Clock;
  /** Milliseconds for an answer. */
  readonly timeout?: number;
}

/** `url` of the service. What cannot be asked is not known, and nothing is installed anew for that. */
export function createTreesProbe(url: string, options: TreesProbeOptions = {}): TreesProbe {
  const { clock = systemClock, timeout = TIMEOUT } = options;
  /** A clock reading: every look at a package would wait out its time otherwise, and all other servers with it. */
  let silentUntil = Number.NEGATIVE_INFINITY;
  return {
    has: async (digest) => {
      if (clock.now() < silentUntil) return undefined;
      return await new Promise((resolve) => {
        // Not over the shared agent: a proxy of the environment reaches what is outside, and not this service.
        const head = { method: 'HEAD', timeout, agent: false } as const;
        const asked = request(`${url}/trees/${digest}`, head, (response) => {
          response.resume();
          const { statusCode } = response;
          resolve(statusCode === 200 ? true : statusCode === 404 ? false : undefined);
        });
        asked.on('timeout', () => {
          silentUntil = clock.now() + LEFT_ALONE;
          asked.destroy(new Error('berth-trees does not answer'));
        });
        asked.on('error', () => resolve(undefined));
        asked.end();
      });
    },
  };
}
