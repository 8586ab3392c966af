/** Bodies in a content coding (RFC 9110 section 8.4): none is decoded here, and what a compressed body unpacks to has no bound. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { BerthError } from '../errors.ts';

/** Throws `unsupported-media-type` for a body in a coding, with the header that says which are taken. */
export function refuseCoded(request: IncomingMessage, response: ServerResponse): void {
  const coding = request.headers['content-encoding'];
  if (coding === undefined || /^\s*(?:identity)?\s*$/i.test(coding)) return;
  response.setHeader('Accept-Encoding', 'identity');
  throw new BerthError('unsupported-media-type', 'a body with Content-Encoding is not taken', {
    hint: 'Send the body as it is, without Content-Encoding.',
  });
}
