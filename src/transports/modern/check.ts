/** The order in which a modern message is checked: envelope, agreement of headers and body, revision, required headers, method. */
import { BerthError } from '../../errors.ts';
import type { ClientMessage } from '../../sessions/message.ts';
import { checkMethod, readEnvelope, readNotificationVersion } from './envelope.ts';
import { checkAgreement, checkRequired, type McpHeaders } from './headers.ts';
import { checkRevision } from './revision.ts';

/** Throws BerthError for a message that is not to be taken. Without headers (on a stream of messages) only the message is checked. */
export function checkModern(message: ClientMessage, headers?: McpHeaders): void {
  switch (message.envelope.kind) {
    case 'request':
      return checkRequest(message, headers);
    case 'notification':
      return checkNotification(message, headers);
    default:
      throw new BerthError('invalid-request', 'clients of this protocol revision send no answers');
  }
}

function checkRequest(message: ClientMessage, headers: McpHeaders | undefined): void {
  const { modern, method } = message.envelope;
  if (!modern && method === 'initialize')
    throw new BerthError(
      'header-mismatch',
      'initialize belongs to revisions before the one that the header names',
    );
  const version = readEnvelope(message);
  if (headers) checkAgreement(headers, message, version);
  checkRevision(version);
  if (headers) checkRequired(headers, message);
  checkMethod(method);
}

/** A notification needs no envelope and no headers; what it has must fit together. */
function checkNotification(message: ClientMessage, headers: McpHeaders | undefined): void {
  const version = readNotificationVersion(message);
  if (headers) checkAgreement(headers, message, version);
  const claimed = version ?? headers?.version;
  if (claimed !== undefined) checkRevision(claimed);
}
