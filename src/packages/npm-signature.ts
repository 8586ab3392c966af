/**
 * Signatures of an npm registry: it signs `name@version:integrity` with a key that it publishes, so that a mirror or a proxy that
 * serves something else under that name is noticed. What the version's own publisher did says nothing about it.
 */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import fetchRegistry from 'npm-registry-fetch';
import { z } from 'zod';
import { BerthError } from '../errors.ts';
import type { NpmOptions } from './npm-config.ts';
import { npmRegistryOf } from './npm-registries.ts';
import type { Packument } from './npm-resolve.ts';

/** `verified`: signed by its registry · `unknown`: not signed, or the registry does not say. */
export type SignatureState = 'verified' | 'unknown';

export interface SignedVersion {
  readonly name: string;
  readonly version: string;
  readonly integrity: string | undefined;
  readonly signatures: readonly { readonly keyid?: unknown; readonly sig?: unknown }[];
  /** When it was published, where the registry says. */
  readonly published: string | undefined;
}

interface RegistryKey {
  readonly key: KeyObject;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

type Keys = ReadonlyMap<string, RegistryKey>;

const KEYS_TTL_MS = 3_600_000;
const KEY_TYPE = 'ecdsa-sha2-nistp256';

const keysSchema = z.object({
  keys: z.array(
    z.object({
      keyid: z.string(),
      key: z.string(),
      keytype: z.string(),
      expires: z.string().nullish(),
    }),
  ),
});

/** How long a registry is waited for; milliseconds. */
interface Patience {
  readonly silence: number;
  readonly signal?: AbortSignal | undefined;
}

/** Looks up keys, and keeps them for an hour. */
export class NpmSignatures {
  readonly #keys = new LRUCache<string, Keys>({ max: 50, ttl: KEYS_TTL_MS });
  /** Of questions under way. */
  readonly #asked = new Map<string, Promise<Keys | undefined>>();

  /** Rejects with `resolve-failed` for a signature that is not that of the registry. */
  async check(version: SignedVersion, options: NpmOptions, patience: Patience): Promise<SignatureState> {
    const { integrity, signatures } = version;
    if (integrity === undefined || signatures.length === 0) return 'unknown';
    const keys = await this.#keysOf(version.name, options, patience);
    const known = signatures.flatMap(({ keyid, sig }) => {
      const key = typeof keyid === 'string' && typeof sig === 'string' ? keys.get(keyid) : undefined;
      return key ? [{ ...key, sig: String(sig) }] : [];
    });
    for (const { key, sig, expires } of known) {
      if (!isSigned(key, sig, version)) throw forged(version);
      if (version.published !== undefined && Date.parse(version.published) >= expires)
        throw forged(version, 'with a key that had expired before it was published');
    }
    return known.length > 0 ? 'verified' : 'unknown';
  }

  /** Whether the registry of the package has keys at all: most mirrors have none. */
  async hasKeys(name: string, options: NpmOptions, patience: Patience): Promise<boolean> {
    return (await this.#keysOf(name, options, patience)).size > 0;
  }

  async #keysOf(name: string, options: NpmOptions, { silence, signal }: Patience): Promise<Keys> {
    const registry = npmRegistryOf(name, options).href;
    const kept = this.#keys.get(registry);
    if (kept) return kept;
    const keys = await untilAborted(
      this.#ask(registry, () => fetchKeys(name, options, { silence })),
      signal,
    );
    return keys ?? new Map();
  }

  /** Never rejects. */
  #ask(registry: string, fetch: () => Promise<Keys | undefined>): Promise<Keys | undefined> {
    const asked =
      this.#asked.get(registry) ??
      fetch().then((keys) => {
        this.#asked.delete(registry);
        if (keys) this.#keys.set(registry, keys);
        return keys;
      });
    this.#asked.set(registry, asked);
    return asked;
  }
}

/** The question goes on for others who wait for it. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  signal?.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

/** Undefined when it could not be asked; none when it has no keys, as most mirrors have none. */
async function fetchKeys(
  name: string,
  options: NpmOptions,
  { silence }: Pick<Patience, 'silence'>,
): Promise<Keys | undefined> {
  try {
    const wire = { ...options, spec: name, retry: { retries: 0 }, timeout: silence };
    const found = keysSchema.safeParse(await fetchRegistry.json('/-/npm/v1/keys', wire));
    return new Map(found.success ? found.data.keys.flatMap(toKey) : []);
  } catch (cause) {
    const status = (cause as { statusCode?: unknown }).statusCode;
    return typeof status === 'number' && status < 500 ? new Map() : undefined;
  }
}

function toKey(found: z.output<typeof keysSchema>['keys'][number]): [string, RegistryKey][] {
  if (found.keytype !== KEY_TYPE) return [];
  try {
    const key = createPublicKey({ key: Buffer.from(found.key, 'base64'), format: 'der', type: 'spki' });
    const expires = found.expires ? Date.parse(found.expires) : Number.POSITIVE_INFINITY;
    return [[found.keyid, { key, expires: Number.isNaN(expires) ? 0 : expires }]];
  } catch {
    return [];
  }
}

function isSigned(key: KeyObject, sig: string, { name, version, integrity }: SignedVersion): boolean {
  const signed = Buffer.from(`${name}@${version}:${integrity}`);
  return verify('sha256', signed, key, Buffer.from(sig, 'base64'));
}

function forged({ name, version }: SignedVersion, how = 'otherwise than the registry signs'): BerthError {
  return new BerthError('resolve-failed', `npm:${name}@${version} is signed ${how}`, {
    phase: 'resolve',
    hint: 'Do not run it: what is served is not what was published. Compare it with another registry.',
  });
}

/** What the document of a package says of the signatures of a version. */
export function signedVersion(
  packument: Packument,
  name: string,
  { version, integrity }: { readonly version: string; readonly integrity?: string },
): SignedVersion {
  const signatures = packument.versions?.[version]?.dist?.signatures;
  return {
    ...{ name, version, integrity, published: packument.time?.[version] },
    signatures: Array.isArray(signatures) ? signatures : [],
  };
}
