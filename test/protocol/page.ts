/** What was measured, as the tables of `docs/protocol.md`: one for each kind of client, and the notes below all of them. */
import { readPage, table, withSection } from '../docs/pages.ts';
import { FIXTURE_ERAS, type FixtureEra } from '../support/conformance-fixture.ts';
import type { Transport } from '../support/transports.ts';
import { OUTCOMES, type Outcome, type OutcomeName } from './outcomes.ts';
import { type ClientKind, TRANSPORTS_OF } from './scene.ts';

/** Where a feature was tried. */
export interface Cell {
  readonly kind: ClientKind;
  readonly transport: Transport;
  readonly server: FixtureEra;
}

/** The page, relative to the checkout. */
export const PAGE = 'docs/protocol.md';

const SECTIONS: Readonly<Record<ClientKind, string>> = {
  legacy: 'legacy clients',
  modern: 'modern clients',
  stateless: 'clients without a session',
};
const NAMES: Readonly<Record<Transport, string>> = {
  'streamable-http': 'Streamable HTTP',
  sse: 'SSE',
  websocket: 'WebSocket',
};
const HEAD = ['feature', 'legacy server', 'modern server', 'server of both eras'];
const WORDS: Readonly<Record<Outcome['kind'], string>> = {
  works: 'yes',
  differs: 'differs',
  impossible: 'no',
};

/** Collects outcomes and writes them into the page. */
export class Measured {
  readonly #features: readonly string[];
  readonly #outcomes = new Map<string, OutcomeName>();
  readonly #notes: string[] = [];

  constructor(features: readonly string[]) {
    this.#features = features;
  }

  add(feature: string, cell: Cell, outcome: OutcomeName): void {
    this.#outcomes.set(keyOf(feature, cell), outcome);
  }

  /** The page with the tables as they were measured; throws when something was not. */
  page(): string {
    let page = readPage(PAGE);
    for (const kind of ['legacy', 'modern', 'stateless'] as const)
      page = withSection(page, SECTIONS[kind], this.#table(kind));
    return withSection(page, 'notes', this.#notes.map((note, index) => `${index + 1}. ${note}`).join('\n'));
  }

  #table(kind: ClientKind): string {
    const rows = this.#features.map((feature) => [
      feature,
      ...FIXTURE_ERAS.map((server) => this.#cell(feature, kind, server)),
    ]);
    return table(HEAD, rows);
  }

  /** One word where all transports agree, else the transports with their words. */
  #cell(feature: string, kind: ClientKind, server: FixtureEra): string {
    const transports = new Map<string, string[]>();
    for (const transport of TRANSPORTS_OF[kind]) {
      const word = this.#word(feature, { kind, transport, server });
      transports.set(word, [...(transports.get(word) ?? []), NAMES[transport]]);
    }
    if (transports.size === 1) return [...transports.keys()].join();
    return [...transports].map(([word, names]) => `${names.join(', ')}: ${word}`).join('; ');
  }

  #word(feature: string, cell: Cell): string {
    const name = this.#outcomes.get(keyOf(feature, cell));
    if (name === undefined) throw new Error(`not measured: ${keyOf(feature, cell)}`);
    const { kind, note }: Outcome = OUTCOMES[name];
    return note === undefined ? WORDS[kind] : `${WORDS[kind]} (${this.#number(note)})`;
  }

  #number(note: string): number {
    if (!this.#notes.includes(note)) this.#notes.push(note);
    return this.#notes.indexOf(note) + 1;
  }
}

function keyOf(feature: string, { kind, transport, server }: Cell): string {
  return `${feature}, ${kind} client over ${transport}, ${server} server`;
}
