/** The look-up of remote hosts: what a name means is checked, and the connection goes to what was checked. */
import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { notAllowedAddress, type RemotePolicy } from '../servers/remote-policy.ts';

/** All addresses of a name; a double in tests. */
export type Resolve = (
  hostname: string,
  options: { readonly all: true; readonly family?: number | undefined; readonly hints?: number | undefined },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * For `net.connect`, which connects to nothing but what it is given here: a name that means something else a moment later
 * changes nothing. One address that is not allowed refuses the name: no honest host has one beside public ones.
 */
export function createCheckedLookup(policy: RemotePolicy, resolve: Resolve = systemResolve): LookupFunction {
  return (hostname, { all, family, hints }, done) => {
    resolve(hostname, { all: true, family: familyOf(family), hints }, (error, addresses) => {
      if (error) return done(error, '', 0);
      const bad = addresses.find(({ address }) => !policy.allows(hostname, address));
      if (bad) return done(notAllowedAddress(hostname, bad.address), '', 0);
      const [first] = addresses;
      if (!first) return done(Object.assign(new Error('no address'), { code: 'ENOTFOUND' }), '', 0);
      if (all) done(null, addresses);
      else done(null, first.address, first.family);
    });
  };
}

function systemResolve(...[hostname, options, done]: Parameters<Resolve>): void {
  const { family = 0, hints = 0 } = options;
  systemLookup(hostname, { all: true, family, hints }, done);
}

function familyOf(family: number | 'IPv4' | 'IPv6' | undefined): number | undefined {
  if (family === 'IPv4') return 4;
  return family === 'IPv6' ? 6 : family;
}
