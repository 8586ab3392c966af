/** Words for what goes wrong with a server that is reached over HTTP: what happened, and what to do about it. */
import { BerthError, errorData } from '../errors.ts';

/** Characters of a server's own words that are repeated. */
const WORDS_LENGTH = 200;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]+/g;

/** A response that is no answer. */
export interface FailedResponse {
  readonly status: number;
  readonly location?: string | undefined;
  /** The beginning of its body, secrets taken out. */
  readonly text: string;
}

/** A connection that failed, or a refusal of the look-up as it is. */
export function connectionFailure(url: URL, cause: Error): BerthError {
  if (cause instanceof BerthError) return cause;
  const code = (cause as NodeJS.ErrnoException).code ?? 'connection lost';
  return remoteFailure(`cannot reach ${url.host}: ${code}`, connectionHint(code, url), cause);
}

function connectionHint(code: string, url: URL): string {
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return `The name ${url.hostname} is not known here: check the address, and the network of the gateway.`;
  if (code === 'ECONNREFUSED') return `Nothing listens at ${url.host}: check the address and the port.`;
  if (code === 'ETIMEDOUT' || code === 'EHOSTUNREACH' || code === 'ENETUNREACH')
    return `${url.host} does not answer: check the address, and what the network of the gateway lets out.`;
  if (/CERT|SIGNED|ISSUER/.test(code))
    return `The certificate of ${url.host} is not trusted here: correct it, or give its authority in NODE_EXTRA_CA_CERTS.`;
  if (code.startsWith('ERR_SSL') || code === 'EPROTO')
    return `${url.host} does not speak TLS as expected: check whether the address begins with https or http.`;
  return 'The connection broke off; the call may have been carried out. Try again, and look at the remote server if it stays so.';
}

/** A status that is no success, or a success without the answer. */
export function statusFailure({ status, location, text }: FailedResponse): BerthError {
  const said = text === '' ? '' : `: ${text}`;
  if (status >= 300 && status < 400) return redirected(status, location);
  switch (status) {
    case 401:
      return remoteFailure(
        `the remote server wants authorization (401)${said}`,
        'Log in with: berth login NAME, where it offers that. Or give the header that it needs by reference, as in --header "Authorization=Bearer env:NAME", or renew the credential.',
      );
    case 403:
      return remoteFailure(
        `the remote server forbids it (403)${said}`,
        'Check what the credential of this server may do there.',
      );
    case 404:
    case 405:
      return remoteFailure(
        `the remote server serves no MCP at this address (${status})${said}`,
        'Check the path of the URL: many servers are at /mcp or /sse.',
      );
    case 429:
      return remoteFailure(`the remote server has had too many requests (429)${said}`, 'Try again later.');
    default:
      return remoteFailure(
        `the remote server answered ${status}${said}`,
        'Look at the state of the remote server, and try again.',
      );
  }
}

function redirected(status: number, location: string | undefined): BerthError {
  const target = location === undefined ? null : URL.parse(location);
  const where = target ? ` to ${target.origin}${target.pathname}` : '';
  return remoteFailure(
    `the remote server redirects (${status}${where})`,
    'Redirects are not followed: give the address that it redirects to, if that is where it should be.',
  );
}

/** The response ended before the answer. */
export function brokenOff(): BerthError {
  return remoteFailure(
    'the connection to the remote server broke off before its answer',
    'The call may have been carried out: look before it is repeated.',
  );
}

/** A success that is none: the response carries no message. */
export function noAnswer(status: number | undefined, type: string | undefined): BerthError {
  return remoteFailure(
    `the remote server answered ${status} with ${type ?? 'nothing'} instead of a JSON-RPC message`,
    'Check whether the URL is that of an MCP server.',
  );
}

/** A failure of a server at the other end of a network. */
export function remoteFailure(message: string, hint: string, cause?: unknown): BerthError {
  return new BerthError('remote-failed', message, {
    phase: 'run',
    hint,
    ...(cause !== undefined && { cause }),
  });
}

/** The beginning of what a server said, fit to be shown; pages for browsers say nothing. */
export function fitToShow(body: Buffer, scrub: (text: string) => string): string {
  const text = scrub(body.toString('utf8')).replace(CONTROL, ' ').trim();
  return text.startsWith('<') ? '' : text.slice(0, WORDS_LENGTH);
}

/** The JSON-RPC error that takes the place of an answer. */
export function failureText(rawId: string, error: BerthError): Buffer {
  const body = JSON.stringify({ code: error.rpc, message: error.message, data: errorData(error) });
  return Buffer.from(`{"jsonrpc":"2.0","id":${rawId},"error":${body}}`);
}
