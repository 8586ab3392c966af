/** What became of the spans that ended. */
export interface SpanCount {
  /** The receiver has taken them. */
  exported: number;
  /** The receiver could not be reached, or did not take them. */
  failed: number;
  /** Too many waited. */
  dropped: number;
}
