/** Which registries the user's npm configuration knows. */

import fetchRegistry from 'npm-registry-fetch';
import { BerthError } from '../errors.ts';
import type { NpmOptions } from './npm-config.ts';

export interface NpmRegistry {
  /** With a slash at its end; may contain credentials. */
  readonly url: URL;
  /** Scopes whose packages come from it; empty for the default one. */
  readonly scopes: readonly string[];
}

const SCOPE_SETTING = /^(@[a-z0-9][a-z0-9._~-]*):registry$/;

/** The registry that has the package: its scope's, else the default one. Throws `bad-setting` when it is no URL. */
export function npmRegistryOf(name: string, options: NpmOptions): URL {
  return toUrl(fetchRegistry.pickRegistry(name, options as fetchRegistry.Options));
}

/** The default registry first, then those of scopes, each once. Throws `bad-setting`. */
export function npmRegistries(options: NpmOptions): NpmRegistry[] {
  const home = npmRegistryOf('x', options);
  const scopes = new Map<string, string[]>();
  for (const [key, value] of Object.entries(options)) {
    const scope = SCOPE_SETTING.exec(key)?.[1];
    if (scope === undefined || typeof value !== 'string') continue;
    const { href } = toUrl(value);
    if (href !== home.href) scopes.set(href, [...(scopes.get(href) ?? []), scope]);
  }
  return [
    { url: home, scopes: [] },
    ...[...scopes].map(([href, names]) => ({ url: new URL(href), scopes: names })),
  ];
}

function toUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    throw new BerthError('bad-setting', 'a registry of the npm configuration is no http or https URL', {
      hint: 'Check the npm configuration with: npm config list.',
    });
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}
