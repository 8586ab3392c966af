/** A gateway of one's own where there is none, for the time of one command. */
import { BerthError } from '../errors.ts';
import type { CliSystem } from './cli-system.ts';

const HERE: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '[::1]']);

export interface Offer {
  /** Where no gateway answered. */
  readonly url: string;
  /** Agreed to before anybody was asked. */
  readonly start: boolean | undefined;
  /** What is offered, as a question goes on after "Start one here,". */
  readonly until: string;
  /** As in `berth run`. */
  readonly command: string;
}

/** Resolves when one may be started here; rejects with `cause`, or with `unreachable` and what to do. */
export async function agreeToStart(
  { url, start, until, command }: Offer,
  system: CliSystem,
  cause: unknown,
): Promise<void> {
  if (!HERE.has(URL.parse(url)?.hostname ?? '')) throw cause;
  if (start) return;
  if (
    system.interactive &&
    (await system.confirm(`There is no gateway at ${url}. Start one here, ${until}?`))
  )
    return;
  throw new BerthError('unreachable', `there is no gateway at ${url}`, {
    cause,
    hint: `Start one with berth up --detach, or here with ${command} --start.`,
  });
}
