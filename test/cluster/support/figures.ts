/** Figures that a test has measured, one line each on its output: they are told, never judged. */

export function figure(what: string, value: string | number): void {
  console.info(`figure: ${what}: ${value}`);
}

/** Seconds since `start`, a reading of `performance.now()`. */
export function since(start: number): string {
  return seconds(performance.now() - start);
}

/** The middle, the 99th of a hundred, and the last. */
export function spread(milliseconds: readonly number[]): string {
  const sorted = [...milliseconds].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1] ?? 0;
  return `${sorted.length} × p50 ${seconds(at(0.5))}, p99 ${seconds(at(0.99))}, last ${seconds(at(1))}`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`;
}
