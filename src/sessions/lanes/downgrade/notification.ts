/** Notifications of a subscription as a legacy client gets them: without the name of the subscription. */
import { applyEdits, inOrder } from '../../../jsonrpc/edit.ts';
import { membersOf, removeMembers } from '../../../jsonrpc/members.ts';
import type { ClientMessage } from '../../message.ts';
import { isEnvelopeOnly, metaEdits } from './result.ts';

/** Lists that a server can report as changed, by their names in a subscription's filter. */
export const CHANGED_LISTS = {
  toolsListChanged: 'notifications/tools/list_changed',
  promptsListChanged: 'notifications/prompts/list_changed',
  resourcesListChanged: 'notifications/resources/list_changed',
} as const;

export type ChangedList = keyof typeof CHANGED_LISTS;

/** The notification without the modern era's keys in its `_meta`, and without a `_meta` that held nothing else. */
export function plainNotification({ bytes, envelope }: ClientMessage): Buffer[] {
  if (envelope.metaStart < 0) return [bytes];
  if (!isEnvelopeOnly(bytes, { valueStart: envelope.metaStart }))
    return applyEdits(bytes, inOrder(metaEdits(bytes, envelope.metaStart)));
  const params = membersOf(bytes, envelope.paramsStart);
  return applyEdits(
    bytes,
    removeMembers(params, ({ name }) => name === '_meta'),
  );
}

/** A list was changed. */
export function listChanged(list: ChangedList): Buffer {
  return Buffer.from(`{"jsonrpc":"2.0","method":"${CHANGED_LISTS[list]}"}`);
}

/** A resource was changed. */
export function resourceUpdated(uri: string): Buffer {
  const params = JSON.stringify({ uri });
  return Buffer.from(`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":${params}}`);
}
