/** What exec itself takes: `cat` in a pod answers each message with itself, and nothing else of ours is in between. */
import { once } from 'node:events';
import { openExec } from '../../src/cluster/exec-channel.ts';
import type { RunningRelease } from '../../test/cluster/support/release.ts';
import { quantile } from '../stats.ts';

/** In milliseconds. */
export interface RoundTrips {
  readonly p50: number;
  readonly p99: number;
}

/** About as long as a call and its answer are as records of a link. */
const BYTES = 250;
const WARM_UP_MS = 500;

/** One message after the other, for a while, in a pod of the release. */
export async function bareRoundTrips(release: RunningRelease, measureMs: number): Promise<RoundTrips> {
  const [gateway] = await release.pods('gateway');
  if (!gateway) throw new Error('the release has no gateway');
  const { access, namespace } = release;
  const target = { namespace, pod: gateway.metadata.name ?? '', container: 'gateway', command: ['cat'] };
  const channel = await openExec({ access, target });
  try {
    const message = Buffer.alloc(BYTES, 'x');
    const started = performance.now();
    const samples: number[] = [];
    for (let now = started; now < started + WARM_UP_MS + measureMs; ) {
      const sent = performance.now();
      channel.write(message);
      for (let left = BYTES; left > 0; ) left -= ((await once(channel, 'data')) as [Buffer])[0].length;
      now = performance.now();
      if (now > started + WARM_UP_MS) samples.push(now - sent);
    }
    samples.sort((a, b) => a - b);
    return { p50: quantile(samples, 0.5), p99: quantile(samples, 0.99) };
  } finally {
    channel.destroy();
  }
}
