/**
 * Flags of the Node that runs a gateway or a supervisor. A young generation of 4 MiB (instead of 16) costs no throughput that can be
 * measured and about a third of the resident memory of many idle sessions. With the second flag V8 does not mark the whole heap each
 * time that large messages have passed through memory outside it: 64 KiB calls go about half as fast again.
 */
export const NODE_FLAGS = ['--max-semi-space-size=4', '--initial-old-space-size=32'];

/**
 * Of the gateway's image: its sessions are in other programs, so memory of idle ones does not count there. Calls are longer in
 * flight, and what lives through a collection is copied: with a young generation of 4 MiB that took a fifth of its time under load.
 */
export const LINKED_GATEWAY_FLAGS = ['--max-semi-space-size=32', '--initial-old-space-size=32'];
