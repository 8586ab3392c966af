/** Both eras, tried one after the other on processes of their own: some servers end at a message that they do not know. */
import type { BerthError } from '../../errors.ts';
import type { InspectionPhase } from '../../inspection/report.ts';
import { discoverOn, modernParams } from '../../supervisor/discover.ts';
import { initialize } from '../../supervisor/handshake.ts';
import type { Era, HandshakeReport } from '../../supervisor/handshake-report.ts';
import { listOffers, type Offers } from '../../supervisor/offers.ts';
import { type HandshakeOptions, ProbeConversation } from '../../supervisor/probe-conversation.ts';
import type { LocalProcess } from '../../supervisor/process.ts';

/** How one era was answered. */
export interface Told {
  readonly report: HandshakeReport;
  readonly offers: Offers;
  readonly phases: readonly InspectionPhase[];
}

export interface Attempt {
  readonly told?: Told;
  readonly failure?: BerthError;
  readonly stderr: readonly string[];
}

/** Lines of standard error that are kept. */
export const FIRST_LINES = 20;
/** Milliseconds, and multiples of the first era's own time, that the other era gets: more than at a start, as nobody waits for the server. */
const LEAST_MORE = 3_000;
const TIMES_MORE = 5;

/** `main` is what is told: the legacy era's where that was answered, or where neither was. `startTimeout`: milliseconds. */
export async function tryEras(
  attempt: (era: Era, patience: number) => Promise<Attempt>,
  startTimeout: number,
): Promise<{ readonly main: Attempt; readonly eras: readonly Era[] }> {
  const legacy = await attempt('legacy', startTimeout);
  const patience = legacy.told
    ? Math.max(LEAST_MORE, TIMES_MORE * legacy.told.report.handshakeMs)
    : startTimeout;
  const modern = await attempt('modern', patience);
  const eras: Era[] = [
    ...(legacy.told ? (['legacy'] as const) : []),
    ...(modern.told ? (['modern'] as const) : []),
  ];
  return { main: !legacy.told && modern.told ? modern : legacy, eras };
}

/** A handshake, and all that the server offers then. Rejects as `handshake` and `discover` do. `answered`: when the handshake was, milliseconds since 1970. */
export async function askWhole(
  era: Era,
  process: LocalProcess,
  options: HandshakeOptions,
): Promise<{
  readonly report: HandshakeReport;
  readonly offers: Offers;
  readonly answered: number;
}> {
  const conversation = new ProbeConversation(process, options);
  const params = era === 'modern' ? modernParams({}) : {};
  try {
    const report =
      era === 'modern' ? await discoverOn(conversation, params) : await initialize(conversation, {});
    const answered = Date.now();
    return { report, offers: await listOffers(conversation, report.capabilities, params), answered };
  } finally {
    conversation.close();
  }
}
