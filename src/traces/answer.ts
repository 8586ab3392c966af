/** What a span needs to know of an answer. */
import { idKey } from '../jsonrpc/id.ts';
import { memberNamed, membersOf } from '../jsonrpc/members.ts';
import type { StreamEvent } from '../sessions/reader.ts';

const OPEN_OBJECT = 0x7b;

export interface Answer {
  /** Comparable, see {@link idKey}; undefined where it has none. */
  readonly id: string | undefined;
  /** Code of a JSON-RPC error. */
  readonly errorCode?: string;
  /** The result of a tool says that it failed. */
  readonly isToolError: boolean;
}

export function readAnswer({ parts }: StreamEvent): Answer {
  const bytes = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  const members = membersOf(bytes, bytes.indexOf(OPEN_OBJECT));
  const textOf = (member: { valueStart: number; end: number } | undefined): string | undefined =>
    member && bytes.toString('utf8', member.valueStart, member.end);
  const id = textOf(memberNamed(members, 'id'));
  const error = memberNamed(members, 'error');
  const result = memberNamed(members, 'result');
  const code = error && textOf(memberNamed(membersOf(bytes, error.valueStart), 'code'));
  const failed = result && textOf(memberNamed(membersOf(bytes, result.valueStart), 'isError'));
  return {
    id: id === undefined ? undefined : idKey(id),
    ...(error && { errorCode: code ?? 'unknown' }),
    isToolError: failed === 'true',
  };
}
