/** One entry of a list of hosts that are exempt from a rule: a host name, an address or a range of addresses. */
import { isIP } from 'node:net';

/** `tools.internal`, `10.0.0.5`, `10.0.0.0/8`, `::1`; false for anything else, wildcards and ports included. */
export function isHostEntry(entry: string): boolean {
  const [address = '', bits] = entry.replace(/^\[(.*)\]$/, '$1').split('/');
  const family = isIP(address);
  if (family === 0) return isHostName(entry);
  const longest = family === 4 ? 32 : 128;
  return (
    !address.includes('%') && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= longest))
  );
}

/** A name that no parser takes for an address. */
function isHostName(text: string): boolean {
  const name = text.toLowerCase();
  return /^[a-z0-9._-]{1,253}$/.test(name) && URL.parse(`http://${name}/`)?.hostname === name;
}
