/** Counts of values by the bound that they fall under: two additions a value, read off when somebody asks. */

/** Seconds: HTTP requests, 5 ms to 10 s. */
export const HTTP_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;
/** Seconds: calls of MCP servers, as the semantic conventions of OpenTelemetry have them, and two below for fast ones. */
export const CALL_BOUNDS = [
  0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300,
] as const;
/** Seconds: what takes from the start of a process to the installation of a large package. */
export const START_BOUNDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300] as const;

export class Histogram {
  /** Ascending. */
  readonly bounds: readonly number[];
  /** Of each bound, and of what is above them all; not cumulative. */
  readonly counts: number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    let at = 0;
    while (at < this.bounds.length && value > (this.bounds[at] as number)) at++;
    (this.counts[at] as number)++;
    this.sum += value;
  }

  /** Takes in what another one of the same bounds has counted. */
  add({ counts, sum }: Histogram): void {
    for (let at = 0; at < counts.length; at++) this.counts[at] = (this.counts[at] ?? 0) + (counts[at] ?? 0);
    this.sum += sum;
  }

  get count(): number {
    return this.counts.reduce((total, one) => total + one, 0);
  }
}
