/** Words for the end of a WebSocket: what the server's close code means, and what to do about it. */
import type { BerthError } from '../errors.ts';
import { fitToShow, remoteFailure } from './http-failure.ts';

/** RFC 6455 section 7.4.1 and its registry; codes from 4000 on are an application's own. */
const MEANING: Readonly<Record<number, string>> = {
  1000: 'normal end',
  1001: 'going away',
  1002: 'protocol error',
  1003: 'unsupported data',
  1007: 'invalid text',
  1008: 'against its policy',
  1009: 'message too long',
  1010: 'extension missing',
  1011: 'internal error',
  1012: 'restart',
  1013: 'try again later',
  1014: 'bad gateway',
  3000: 'unauthorized',
  3003: 'forbidden',
  4401: 'unauthorized',
  4403: 'forbidden',
};
/** The application's own words say more than a close without a code. */
const NO_CODE = 1005;

/** The error of calls whose connection the server has closed. `scrub` takes secrets out of its words. */
export function closedByServer(payload: Buffer, scrub: (text: string) => string): BerthError {
  const code = payload.length < 2 ? NO_CODE : payload.readUInt16BE(0);
  const words = fitToShow(payload.subarray(2), scrub);
  const meaning = MEANING[code];
  const number = code === NO_CODE ? 'without a code' : `${code}${meaning === undefined ? '' : ` ${meaning}`}`;
  const said = words === '' ? '' : `: ${words}`;
  return remoteFailure(`the remote server closed the connection (${number})${said}`, hintOf(code));
}

function hintOf(code: number): string {
  switch (code) {
    case 1000:
    case 1001:
    case 1012:
    case NO_CODE:
      return 'A call without an answer may have been carried out. Send initialize again; look at the remote server if it closes the connection again.';
    case 1008:
    case 3000:
    case 3003:
    case 4401:
    case 4403:
      return 'Check what credential the remote server wants, and what it may do there: --header "Authorization=Bearer env:NAME" gives one.';
    case 1009:
      return 'A message was longer than the remote server takes: send less at once.';
    case 1013:
      return 'Try again later.';
    default:
      return 'Look at the state of the remote server, and try again.';
  }
}

/** The connection ended without a close frame. */
export function connectionLost(cause: Error | undefined): BerthError {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  return remoteFailure(
    `the connection to the remote server broke off${code === undefined ? '' : ` (${code})`}`,
    'A call without an answer may have been carried out: look before it is repeated.',
    cause,
  );
}

/** Nothing was heard, not even the answer to a ping. */
export function connectionSilent(ms: number): BerthError {
  return remoteFailure(
    `the remote server has said nothing for ${ms / 1_000} s, and answers no ping`,
    'Look whether it still runs, and at the network between. A call without an answer may have been carried out.',
  );
}

/** Our side has closed it: the server does not keep the rules. */
export function protocolBroken(what: string): BerthError {
  return remoteFailure(
    `the remote server ${what}`,
    'MCP over WebSocket is one message a text frame (RFC 6455): check whether the URL is that of such a server.',
  );
}
