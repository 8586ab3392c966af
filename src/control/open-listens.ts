/** Whoever ends what stays open as the gateway goes away. */
export interface OpenListens {
  /** Until what it returns is called: the listen is over. */
  add(listen: { readonly busy: false; end(): void }): () => void;
}
