/** Where remote servers may be: public addresses over TLS, and whatever else the operator has listed (against SSRF). */
import { BlockList, isIP } from 'node:net';
import { BerthError } from '../errors.ts';

export interface RemotePolicy {
  /** Throws `not-allowed` for a URL that breaks a rule which can be seen without a look-up. */
  check(url: URL): void;
  /** Whether a connection to this host may go to this address. */
  allows(hostname: string, address: string): boolean;
}

/** Everything of IPv4 that is not a public host: RFC 6890 and its followers. */
const NOT_PUBLIC_V4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
];
/**
 * Public hosts of IPv6 are in this range only: loopback, link-local, unique local, multicast, mapped and NAT64 addresses are
 * all outside.
 */
const GLOBAL_V6 = '2000::/3';
/** Within it: protocol assignments with Teredo, documentation, 6to4. */
const NOT_PUBLIC_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

const HTTPS_PORT = 443;
/** Services that are no web servers live below. */
const FIRST_FREE_PORT = 1_024;

const notPublic = toBlockList([...NOT_PUBLIC_V4, ...NOT_PUBLIC_V6]);
const global = toBlockList([GLOBAL_V6]);

/** `allowedHosts`: host names, addresses and CIDR ranges that are exempt from every rule here. */
export function createRemotePolicy(allowedHosts: readonly string[]): RemotePolicy {
  const names = new Set(allowedHosts.filter((entry) => !isRange(entry)).map(bareName));
  const ranges = toBlockList(allowedHosts.filter(isRange));
  const allows = (hostname: string, address: string): boolean =>
    names.has(bareName(hostname)) || contains(ranges, address) || isPublic(address);
  const isListed = (hostname: string): boolean => names.has(hostname) || contains(ranges, hostname);
  return {
    allows,
    check: (url) => {
      const hostname = bareName(url.hostname);
      if (isIP(hostname) !== 0 && !allows(hostname, hostname)) throw notAllowedAddress(hostname, hostname);
      if (isListed(hostname)) return;
      if (!isOverTls(url)) throw refusal(`${url.host} may be reached over ${secured(url)} only`, hostname);
      const port = url.port === '' ? HTTPS_PORT : Number(url.port);
      if (port !== HTTPS_PORT && port < FIRST_FREE_PORT)
        throw refusal(`port ${port} is not one of a web server`, hostname);
    },
  };
}

function isOverTls({ protocol }: URL): boolean {
  return protocol === 'https:' || protocol === 'wss:';
}

/** What a URL would have to begin with. */
function secured({ protocol }: URL): string {
  return protocol === 'ws:' ? 'wss' : 'https';
}

/** The refusal of an address that a host has. */
export function notAllowedAddress(hostname: string, address: string): BerthError {
  const what = hostname === address ? address : `${hostname} (${address})`;
  return refusal(`${what} is not a public address`, hostname);
}

function refusal(message: string, hostname: string): BerthError {
  return new BerthError('not-allowed', message, {
    phase: 'resolve',
    hint: `Give an https (or wss) URL of a public host; for any other an operator has to list ${hostname} in the setting remote.allowedHosts.`,
  });
}

function isPublic(address: string): boolean {
  if (isIP(address) === 4) return !contains(notPublic, address);
  return contains(global, address) && !contains(notPublic, address);
}

/** Mapped addresses are found in ranges of IPv4 too. */
function contains(list: BlockList, address: string): boolean {
  const family = isIP(address);
  if (family === 0 || address.includes('%')) return false;
  return list.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

function isRange(entry: string): boolean {
  return splitRange(entry).family !== 0;
}

function splitRange(entry: string): { address: string; family: number; prefix: number } {
  const [address = '', bits] = entry.replace(/^\[(.*)\]$/, '$1').split('/');
  const family = isIP(address);
  return { address, family, prefix: bits === undefined ? (family === 4 ? 32 : 128) : Number(bits) };
}

function toBlockList(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const { address, family, prefix } = splitRange(range);
    list.addSubnet(address, prefix, family === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}

/** Lower case, without the brackets of an address and the dot of a full name. */
function bareName(hostname: string): string {
  return hostname
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
}
