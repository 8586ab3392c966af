/** Looks at header names as they came over the wire, without building anything on the way. */

const UPPER_TO_LOWER = 0x20;
const LETTER_C = 0x63;
const LETTER_F = 0x66;
const LETTER_T = 0x74;
const LETTER_V = 0x76;
const LETTER_X = 0x78;

/** Headers that only a proxy sets: with one of them the peer's address says nothing about who calls. */
const FORWARDING_NAMES: ReadonlySet<string> = new Set([
  'forwarded',
  'via',
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-original-forwarded-for',
  'x-original-host',
  'x-envoy-external-address',
  'cf-connecting-ip',
  'cf-ray',
  'client-ip',
  'true-client-ip',
]);

/** How many Host headers there are; `rawHeaders` alternates names and values. */
export function countHosts(rawHeaders: readonly string[]): number {
  let hosts = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    if (name?.length === 4 && (name === 'Host' || name === 'host' || name.toLowerCase() === 'host')) hosts++;
  }
  return hosts;
}

/** True when a proxy has left its mark. */
export function isForwarded(rawHeaders: readonly string[]): boolean {
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    if (name !== undefined && mayForward(name) && isForwardingName(name.toLowerCase())) return true;
  }
  return false;
}

/** Sorts out most headers by their first letter. */
function mayForward(name: string): boolean {
  switch (name.charCodeAt(0) | UPPER_TO_LOWER) {
    case LETTER_C:
    case LETTER_F:
    case LETTER_T:
    case LETTER_V:
    case LETTER_X:
      return true;
    default:
      return false;
  }
}

function isForwardingName(name: string): boolean {
  return name.startsWith('x-forwarded') || FORWARDING_NAMES.has(name);
}
