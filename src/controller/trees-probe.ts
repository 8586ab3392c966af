/** Asks berth-trees whether it has a tree; asking keeps it from being collected. */
import { request } from 'node:http';
import type { TreesProbe } from './install.ts';

const TIMEOUT = 5_000;

/** `url` of the service. What cannot be asked is not known, and nothing is installed anew for that. */
export function createTreesProbe(url: string): TreesProbe {
  return {
    has: (digest) =>
      new Promise((resolve) => {
        const asked = request(`${url}/trees/${digest}`, { method: 'HEAD', timeout: TIMEOUT }, (response) => {
          response.resume();
          const { statusCode } = response;
          resolve(statusCode === 200 ? true : statusCode === 404 ? false : undefined);
        });
        asked.on('timeout', () => asked.destroy(new Error('berth-trees does not answer')));
        asked.on('error', () => resolve(undefined));
        asked.end();
      }),
  };
}
