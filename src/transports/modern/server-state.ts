/**
 * A modern server's own `requestState` between the server and its client (data-path.md 5.4). It leaves sealed: a server over stdio
 * cannot tell its callers apart, and nobody but a gateway can tell its replicas apart. It comes back to the server byte for byte.
 */
import { BerthError } from '../../errors.ts';
import { applyEdits } from '../../jsonrpc/edit.ts';
import { scanMessage } from '../../jsonrpc/envelope.ts';
import { type Member, memberNamed, membersOf, stringAt } from '../../jsonrpc/members.ts';
import { type ClientMessage, errorMessage, rawId } from '../../sessions/message.ts';
import type { StreamEvent } from '../../sessions/reader.ts';

const STATE = 'requestState';
/** An answer without it is not looked into. The name stands whole in one part: messages are cut where ids and tokens are put in. */
const STATE_NAME = Buffer.from(`"${STATE}"`);
const QUOTE = 0x22;

export interface SealState {
  /** The text that takes the place of a state, which is given as JSON text. */
  readonly seal: (state: Buffer) => string;
  /** Bytes of the longest state: sealed, it must still fit into a request beside the answers that go with it. */
  readonly most: number;
}

/** The event as its client may have it. Only the parts change: `bytes` stays what was delivered, for its credit. */
export function withSealedState(event: StreamEvent, how: SealState): StreamEvent {
  if (!event.parts.some((part) => part.includes(STATE_NAME))) return event;
  const bytes = event.parts.length === 1 ? (event.parts[0] as Buffer) : Buffer.concat(event.parts);
  const { envelope } = scanMessage(bytes);
  if (envelope?.kind !== 'result') return event;
  const states = statesOf(bytes, envelope.resultStart);
  if (states.length === 0) return event;
  const longest = Math.max(...states.map(({ valueStart, end }) => end - valueStart));
  if (longest > how.most)
    return { ...event, parts: [tooLong(rawId({ bytes, envelope }), longest, how.most)] };
  const edits = states.map(({ valueStart: start, end }) => ({
    ...{ start, end },
    text: `"${how.seal(bytes.subarray(start, end))}"`,
  }));
  return { ...event, parts: applyEdits(bytes, edits) };
}

/** The request as its server knows it. */
export function withServerState({ bytes, envelope }: ClientMessage, state: Buffer): ClientMessage {
  const { stateStart, stateEnd } = envelope;
  const restored = Buffer.concat([bytes.subarray(0, stateStart), state, bytes.subarray(stateEnd)]);
  const scanned = scanMessage(restored);
  if (scanned.fault)
    throw new BerthError('internal', `a sealed state is no JSON text: ${scanned.fault.text}`);
  return { bytes: restored, envelope: scanned.envelope };
}

/** Of a result that asks its client for something; usually one, but a doubled one must not leave as it is either. */
function statesOf(bytes: Buffer, resultStart: number): Member[] {
  const members = membersOf(bytes, resultStart);
  const type = memberNamed(members, 'resultType');
  if (!type || stringAt(bytes, type.valueStart) !== 'input_required') return [];
  return members.filter(({ name, valueStart }) => name === STATE && bytes[valueStart] === QUOTE);
}

function tooLong(id: string, length: number, most: number): Buffer {
  const message = `the server's requestState has ${length} bytes, and its client could not send more than ${most} back`;
  return errorMessage(id, { code: -32_603, message });
}
