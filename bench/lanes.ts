/** The lanes: which client calls which server, and what the load client declares. */

export type Era = 'legacy' | 'modern';

export interface BenchLane {
  readonly name: string;
  readonly client: Era;
  readonly server: Era;
  /** Of the client, JSON text. */
  readonly capabilities: string;
}

/** What a client declares that can be asked for everything. */
const EVERYTHING = '{"elicitation":{"form":{},"url":{}},"roots":{},"sampling":{}}';

/** Beside the legacy relay, which every other case measures. */
export const LANES: readonly BenchLane[] = [
  { name: 'relay-modern', client: 'modern', server: 'modern', capabilities: '{}' },
  { name: 'upgrade', client: 'modern', server: 'legacy', capabilities: '{}' },
  { name: 'upgrade-asking', client: 'modern', server: 'legacy', capabilities: EVERYTHING },
  { name: 'downgrade', client: 'legacy', server: 'modern', capabilities: '{}' },
  { name: 'downgrade-asking', client: 'legacy', server: 'modern', capabilities: EVERYTHING },
];

/** The lane that is no translation. */
export const PLAIN_LANE = LANES[0] as BenchLane;
