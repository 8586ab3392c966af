/** `hello`: the first record each way. It says who talks, so that an older connection of the same gateway can be fenced. */
import { BerthError } from '../errors.ts';
import { RECORD } from './record.ts';
import { jsonRecord } from './record-bodies.ts';

/** Raised with every change of the records that the other side must know of. */
export const LINK_VERSION = 2;
/** Peers that are further apart do not talk. */
const MOST_APART = 2;

export interface Hello {
  /** Names one run of a gateway program. */
  readonly instance: string;
  /** Grows with every connection of the instance. */
  readonly epoch: number;
  /** From a gateway its own version; from a supervisor the one that both speak. */
  readonly version: number;
  /** From a supervisor: names its run. Another one knows nothing of what this one was asked for. */
  readonly run?: string;
}

export function helloRecord(hello: Hello): Buffer[] {
  return jsonRecord(RECORD.hello, 0, hello);
}

/** Throws BerthError `internal` for what is no hello. Members that this version does not know are ignored. */
export function readHello(body: Buffer): Hello {
  const { instance, epoch, version, run } = JSON.parse(body.toString('utf8')) as Record<string, unknown>;
  if (typeof instance !== 'string' || typeof epoch !== 'number' || typeof version !== 'number')
    throw new BerthError('internal', 'the peer does not speak the link protocol');
  return { instance, epoch, version, ...(typeof run === 'string' && { run }) };
}

/** The version that both sides speak; throws `conflict` when they are too far apart. */
export function negotiate(own: number, other: number): number {
  if (Math.abs(own - other) > MOST_APART)
    throw new BerthError('conflict', `link versions ${own} and ${other} are too far apart`, {
      hint: 'Bring gateway and supervisor to releases that are at most two link versions apart.',
    });
  return Math.min(own, other);
}
