/** The task that a request of a modern client is about (the tasks extension of 2026-07-28). */
import { readString } from '../../../jsonrpc/envelope.ts';
import { membersOf } from '../../../jsonrpc/members.ts';
import type { ClientMessage } from '../../message.ts';

const QUOTE = 0x22;

/** Its id; undefined for every request that is not about one. */
export function namedTask(message: ClientMessage): string | undefined {
  return message.envelope.method.startsWith('tasks/') ? taskIdOf(message) : undefined;
}

/** `params.taskId`, decoded; of several the last one counts, as servers read it. */
export function taskIdOf({ bytes, envelope }: ClientMessage): string | undefined {
  const member = membersOf(bytes, envelope.paramsStart).findLast(({ name }) => name === 'taskId');
  return member && bytes[member.valueStart] === QUOTE
    ? readString(bytes, member.valueStart, member.end)
    : undefined;
}
