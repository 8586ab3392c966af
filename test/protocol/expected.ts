/** What each feature has to come to: client era, transport, server era. */
import type { FixtureEra } from '../support/conformance-fixture.ts';
import type { Transport } from '../support/transports.ts';
import type { OutcomeName } from './outcomes.ts';
import type { ClientKind } from './scene.ts';

/** One outcome in front of every server, or one for each: legacy, modern, both eras. */
type Cells = OutcomeName | readonly [legacy: OutcomeName, modern: OutcomeName, dual: OutcomeName];
/** The same over every transport of the client, or different ones. */
type Row = Cells | Partial<Record<Transport, Cells>>;

/** The table, feature by feature, in no order that counts. */
/* biome-ignore format: a table */
export const EXPECTED: Readonly<Record<string, Readonly<Record<ClientKind, Row>>>> = {
  'name, instructions and capabilities of the server':
    { legacy: 'works', stateless: 'sessionless', modern: 'works' },
  'each revision of the era, and the refusal of others':
    { legacy: 'works', stateless: 'works', modern: 'works' },
  'tools: list and call':
    { legacy: 'works', stateless: 'works', modern: 'works' },
  'trace context (`traceparent`, `tracestate`, `baggage`)':
    { legacy: 'works', stateless: 'works', modern: 'works' },
  'prompts and resources':
    { legacy: 'works', stateless: 'works', modern: 'works' },
  completion:
    { legacy: 'works', stateless: 'works', modern: 'works' },
  'pages of a list':
    { legacy: 'works', stateless: 'works', modern: 'works' },
  'a resource that is not there':
    { legacy: 'works', stateless: 'works', modern: 'works' },
  ping:
    { legacy: 'works', stateless: 'works', modern: 'removed' },
  batches:
    { legacy: 'works', stateless: 'no-batch', modern: 'removed' },
  progress:
    { legacy: 'works', stateless: 'works', modern: 'works' },
  'cancelling a call':
    { legacy: 'works', stateless: 'unnamed', modern: 'works' },
  'a client that vanishes during its call':
    { legacy: { 'streamable-http': 'kept', sse: 'session-ends', websocket: 'session-ends' }, stateless: 'goes-on', modern: 'works' },
  'an answer that was lost on its way':
    { legacy: { 'streamable-http': 'works', sse: 'no-resume', websocket: 'no-resume' }, stateless: 'gone', modern: 'lost-answer' },
  'log messages, from the level that the client wants':
    { legacy: 'works', stateless: 'no-session', modern: 'works' },
  'log messages of calls that run at once':
    { legacy: 'works', stateless: 'no-session', modern: 'one-at-a-time' },
  'changes of the lists':
    { legacy: 'works', stateless: 'no-session', modern: 'works' },
  'subscriptions to a resource':
    { legacy: 'works', stateless: 'no-session', modern: 'works' },
  'elicitation with a form':
    { legacy: 'works', stateless: 'not-asked', modern: 'works' },
  'elicitation with a URL':
    { legacy: ['works', 'unconfirmed', 'works'], stateless: 'not-asked', modern: 'works' },
  'a URL that must be visited first (-32042)':
    { legacy: 'works', stateless: ['works', 'not-asked', 'works'], modern: 'works' },
  sampling:
    { legacy: 'works', stateless: 'not-asked', modern: 'works' },
  roots:
    { legacy: 'works', stateless: 'not-asked', modern: 'works' },
  'several questions at once':
    { legacy: 'works', stateless: 'not-asked', modern: 'works' },
  'one question after the other':
    { legacy: 'works', stateless: 'not-asked', modern: 'works' },
  'a question during a prompt':
    { legacy: 'works', stateless: 'not-asked', modern: 'works' },
  'a question that the client has not declared':
    { legacy: ['undecided', 'works', 'undecided'], stateless: 'works', modern: 'works' },
  'a question outside of any call':
    { legacy: ['works', 'never-asked', 'works'], stateless: ['not-asked', 'never-asked', 'not-asked'], modern: ['outside-a-call', 'never-asked', 'never-asked'] },
  'notice of changed roots':
    { legacy: ['works', 'told-nobody', 'works'], stateless: 'no-session', modern: 'removed' },
  'structured results that are objects':
    { legacy: 'works', stateless: 'works', modern: 'works' },
  'structured results of any JSON':
    { legacy: ['not-sent', 'wrapped', 'not-sent'], stateless: ['not-sent', 'wrapped', 'not-sent'], modern: ['not-sent', 'works', 'works'] },
  'hints for caches':
    { legacy: ['not-sent', 'no-place', 'not-sent'], stateless: ['not-sent', 'no-place', 'not-sent'], modern: ['no-hints', 'works', 'works'] },
  'arguments repeated in headers (`Mcp-Param-*`)':
    { legacy: 'bodily', stateless: 'bodily', modern: { 'streamable-http': 'works', websocket: 'bodily' } },
  tasks:
    { legacy: ['works', 'own-era', 'works'], stateless: 'no-session', modern: ['own-era', 'works', 'works'] },
};

const PLACE: Readonly<Record<FixtureEra, 0 | 1 | 2>> = { legacy: 0, modern: 1, dual: 2 };

/** The outcome that a cell has to have. */
export function expectedOutcome(
  feature: string,
  { kind, transport, server }: { kind: ClientKind; transport: Transport; server: FixtureEra },
): OutcomeName {
  const row = EXPECTED[feature]?.[kind];
  const cells = isByTransport(row) ? row[transport] : row;
  if (cells === undefined) throw new Error(`nothing is expected of ${feature}`);
  return typeof cells === 'string' ? cells : cells[PLACE[server]];
}

function isByTransport(row: Row | undefined): row is Partial<Record<Transport, Cells>> {
  return typeof row === 'object' && !Array.isArray(row);
}
