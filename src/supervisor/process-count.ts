/** Starts and ends of the processes of one server. */
import type { Clock } from '../clock.ts';
import { Histogram, START_BOUNDS } from '../histogram.ts';
import type { LocalProcess } from './process.ts';

export class ProcessCount {
  started = 0;
  failed = 0;
  /** Ended because they were to, or by themselves. */
  stopped = 0;
  exited = 0;
  /** Those of them that ran out of memory, and when the last one did, in milliseconds since the epoch; absent before the first. */
  outOfMemory: { readonly count: number; readonly at: number } | undefined;
  /** Seconds from the decision to start one until it ran. */
  readonly durations = new Histogram(START_BOUNDS);

  /** Counts what becomes of a start. Rejects with its failure. */
  async start(clock: Clock, start: () => Promise<LocalProcess>): Promise<LocalProcess> {
    const begun = clock.now();
    let process: LocalProcess;
    try {
      process = await start();
    } catch (error) {
      this.failed++;
      throw error;
    }
    this.started++;
    this.durations.observe((clock.now() - begun) / 1_000);
    void process.exited.then(({ outOfMemory }) => {
      if (process.stopping) this.stopped++;
      else this.exited++;
      if (outOfMemory) this.outOfMemory = { count: (this.outOfMemory?.count ?? 0) + 1, at: Date.now() };
    });
    return process;
  }
}
