/** The HTTP status of an answer that is a plain response (2026-07-28, Streamable HTTP). */
import { scanMessage } from '../../jsonrpc/envelope.ts';

const ERROR_NAME = Buffer.from('"error"');
const OK = 200;
const STATUS_OF_CODE: ReadonlyMap<unknown, number> = new Map([
  [-32601, 404],
  [-32020, 400],
  [-32021, 400],
  [-32022, 400],
]);

/** Only what may be an error is looked into: the member's name always stands there as it is, and whole within one part. */
export function answerStatus(parts: readonly Buffer[]): number {
  if (!parts.some((part) => part.includes(ERROR_NAME))) return OK;
  const bytes = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  if (scanMessage(bytes).envelope?.kind !== 'error') return OK;
  const { error } = JSON.parse(bytes.toString('utf8')) as { readonly error?: { readonly code?: unknown } };
  // A server may put anything in the place of a code.
  return STATUS_OF_CODE.get(error?.code) ?? OK;
}
