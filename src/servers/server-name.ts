/** Names of servers: DNS labels, short enough to get a suffix in a cluster. */
import { BerthError } from '../errors.ts';

const MAX_LENGTH = 52;

/** A DNS label of at most 52 characters. */
export function isServerName(name: string): boolean {
  return name.length <= MAX_LENGTH && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(name);
}

/**
 * The name that a package's server gets when nobody names it: `@modelcontextprotocol/server-everything` is `everything`.
 * Throws `bad-input` when nothing usable is left.
 */
export function deriveServerName(packageName: string): string {
  const last = packageName.slice(packageName.lastIndexOf('/') + 1).toLowerCase();
  const label = toLabel(last);
  const short = label
    .replace(/^(mcp-server-|server-|mcp-)/, '')
    .replace(/(-mcp-server|-server-mcp|-mcp)$/, '');
  // "@playwright/mcp" says what it is in its scope only.
  const scope = packageName.startsWith('@')
    ? toLabel(packageName.slice(1, packageName.indexOf('/')).toLowerCase())
    : '';
  const generic = short === '' || short === 'mcp' || short === 'server' || short === 'mcp-server';
  const name = generic && scope !== '' ? scope : short || label;
  if (isServerName(name)) return name;
  throw new BerthError('bad-input', 'no name for the server can be derived from the package', {
    fields: [{ pointer: '/name', detail: 'is required for this package' }],
    hint: 'Give a name: lower-case letters, digits and dashes.',
  });
}

/** Labels that say nothing about whose server it is. */
const GENERIC_LABELS: ReadonlySet<string> = new Set(['mcp', 'api', 'www', 'server', 'mcp-server']);

/**
 * The name that a remote server gets when nobody names it: `https://mcp.example.com/mcp` is `example`. Throws `bad-input` when
 * its host is an address.
 */
export function deriveRemoteName(url: URL): string {
  const labels = url.hostname.toLowerCase().replace(/\.$/, '').split('.');
  const isAddress = url.hostname.startsWith('[') || /^\d+$/.test(labels.at(-1) ?? '');
  const own = labels.length > 1 ? labels.slice(0, -1) : labels;
  const name = toLabel(own.find((label) => !GENERIC_LABELS.has(label)) ?? own[0] ?? '');
  if (!isAddress && isServerName(name)) return name;
  throw new BerthError('bad-input', 'no name for the server can be derived from the address', {
    fields: [{ pointer: '/name', detail: 'is required for this address' }],
    hint: 'Give a name: lower-case letters, digits and dashes.',
  });
}

function toLabel(text: string): string {
  return text
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, MAX_LENGTH)
    .replace(/^-+|-+$/g, '');
}
