/** What is counted of links, all those of one program together. */
import { CALL_BOUNDS, Histogram } from '../histogram.ts';

export class LinkCount {
  /** Links that there are, and those of them that are connected. */
  links = 0;
  up = 0;
  /** Times that one was connected, for the first time or again. */
  connects = 0;
  /** Times that a connection broke or could not be made. */
  breaks = 0;
  /** Seconds from a ping to its answer. */
  readonly roundTrips = new Histogram(CALL_BOUNDS);
}
