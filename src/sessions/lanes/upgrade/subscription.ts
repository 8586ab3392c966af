/** The messages of a `subscriptions/listen` stream. Pure. */
import { applyEdits } from '../../../jsonrpc/edit.ts';
import { insertMembers, isObjectAt, membersOf, removeMembers } from '../../../jsonrpc/members.ts';
import type { ClientMessage } from '../../message.ts';

/** Resources of one listen; what is beyond is not honoured, and the acknowledgement shows it. */
const MOST_URIS = 1_000;
const SUBSCRIPTION_ID = 'io.modelcontextprotocol/subscriptionId';

/** What a client listens to. */
export interface ListenFilter {
  toolsListChanged: boolean;
  promptsListChanged: boolean;
  resourcesListChanged: boolean;
  resourceSubscriptions: string[];
}

/** The filter of a listen request, or of its acknowledgement; what is of another type counts as not there. */
export function readFilter({ bytes, envelope }: ClientMessage): ListenFilter {
  const params = JSON.parse(
    envelope.paramsStart < 0 ? '{}' : bytes.toString('utf8', envelope.paramsStart, envelope.paramsEnd),
  ) as { notifications?: Record<string, unknown> | null };
  const asked = params.notifications ?? {};
  const uris = Array.isArray(asked.resourceSubscriptions) ? asked.resourceSubscriptions : [];
  return {
    toolsListChanged: asked.toolsListChanged === true,
    promptsListChanged: asked.promptsListChanged === true,
    resourcesListChanged: asked.resourcesListChanged === true,
    resourceSubscriptions: uris.filter((uri) => typeof uri === 'string').slice(0, MOST_URIS),
  };
}

/** The first message of a listen: what of it is honoured. */
export function acknowledgement(rawId: string, filter: ListenFilter): Buffer {
  const { resourceSubscriptions, ...flags } = filter;
  const honoured: Record<string, unknown> = Object.fromEntries(
    Object.entries(flags).filter(([, wanted]) => wanted),
  );
  if (resourceSubscriptions.length > 0) honoured.resourceSubscriptions = resourceSubscriptions;
  const params = `"notifications":${JSON.stringify(honoured)},"_meta":{"${SUBSCRIPTION_ID}":${rawId}}`;
  return notification('notifications/subscriptions/acknowledged', params);
}

/** A change that Berth itself reports. */
export function changeNotification(rawId: string, method: string, uri?: string): Buffer {
  const what = uri === undefined ? '' : `"uri":${JSON.stringify(uri)},`;
  return notification(method, `${what}"_meta":{"${SUBSCRIPTION_ID}":${rawId}}`);
}

function notification(method: string, members: string): Buffer {
  return Buffer.from(`{"jsonrpc":"2.0","method":"${method}","params":{${members}}}`);
}

/** A server's notification as a message of the listen with the raw id `rawId`. */
export function stamped({ bytes, envelope }: ClientMessage, rawId: string): readonly Buffer[] {
  const stamp = `"${SUBSCRIPTION_ID}":${rawId}`;
  if (!isObjectAt(bytes, envelope.paramsStart)) return [notification(envelope.method, `"_meta":{${stamp}}`)];
  if (!isObjectAt(bytes, envelope.metaStart)) {
    const members = membersOf(bytes, envelope.paramsStart);
    const broken = removeMembers(members, ({ name }) => name === '_meta');
    const empty = members.every(({ name }) => name === '_meta');
    const put = insertMembers(envelope.paramsStart, `"_meta":{${stamp}}`, empty);
    return applyEdits(bytes, [put, ...broken]);
  }
  const members = membersOf(bytes, envelope.metaStart);
  const others = members.every(({ name }) => name === SUBSCRIPTION_ID);
  const foreign = removeMembers(members, ({ name }) => name === SUBSCRIPTION_ID);
  return applyEdits(bytes, [insertMembers(envelope.metaStart, stamp, others), ...foreign]);
}
