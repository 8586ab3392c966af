/** What is counted of a controller's work, over all its terms. */
import { Histogram, START_BOUNDS } from '../histogram.ts';

export class ControllerCount {
  /** Looks at a server, and those that failed and are made again. */
  done = 0;
  failed = 0;
  /** Seconds of one look. */
  readonly durations = new Histogram(START_BOUNDS);
  /** Times that the cluster could not be watched. */
  watchFaults = 0;
}
