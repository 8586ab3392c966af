/** Secrets of the release that the controller makes and renews: what seals session ids, and what signs installers' tokens. */
import { randomBytes } from 'node:crypto';
import { createSealKey } from '../auth/key-ring.ts';
import { SECRETS, typed } from '../cluster/resources.ts';
import { BerthError } from '../errors.ts';
import { metaOf, type ReleaseSecret, type Secret, type SecretApi, tryCreate } from './release-secret.ts';

/** Under which the keys stand, as the gateway's own key file has them. */
export const RING_KEY = 'seal-keys.json';
/** Under which the key of the tokens stands. */
export const TREES_KEY = 'key';

const ROTATED_AT = 'berth.dev/rotated-at';
const KEPT = 2;
const TOKEN_KEY_BYTES = 32;

interface RingKey {
  readonly name: string;
  readonly secret: string;
}

/** Makes the ring, or gives it a new key when the newest is older than `maxAgeMs`; the one before still opens what it has sealed. */
export async function keepKeyRing(
  api: SecretApi,
  target: ReleaseSecret,
  { maxAgeMs, now }: { readonly maxAgeMs: number; readonly now: number },
): Promise<'made' | 'rotated' | 'kept'> {
  const found = await api.get<Secret>(SECRETS, target);
  if (!found) return (await tryCreate(api, ringSecret(target, [newKey()], now))) ? 'made' : 'kept';
  const rotatedAt = Date.parse(found.metadata.annotations?.[ROTATED_AT] ?? '') || 0;
  if (now - rotatedAt < maxAgeMs) return 'kept';
  const keys = [newKey(), ...keysOf(found)].slice(0, KEPT);
  const { resourceVersion } = found.metadata;
  const next = ringSecret(target, keys, now);
  // Whoever was quicker has rotated it.
  await api.replace(SECRETS, {
    ...next,
    metadata: { ...next.metadata, ...(resourceVersion && { resourceVersion }) },
  });
  return 'rotated';
}

/** Makes the key of the tokens where there is none; it never changes, as Jobs hold tokens. Returns it. */
export async function keepTreesKey(api: SecretApi, target: ReleaseSecret): Promise<Buffer> {
  const found = await api.get<Secret>(SECRETS, target);
  const known = found?.data?.[TREES_KEY];
  if (known !== undefined) return Buffer.from(known, 'base64');
  const key = randomBytes(TOKEN_KEY_BYTES);
  const secret = typed(SECRETS, {
    metadata: metaOf(target),
    type: 'Opaque',
    data: { [TREES_KEY]: key.toString('base64') },
  });
  if (await tryCreate(api, secret)) return key;
  return await keepTreesKey(api, target);
}

function ringSecret(target: ReleaseSecret, keys: readonly RingKey[], now: number): Secret {
  return typed(SECRETS, {
    metadata: { ...metaOf(target), annotations: { [ROTATED_AT]: new Date(now).toISOString() } },
    type: 'Opaque',
    data: { [RING_KEY]: Buffer.from(JSON.stringify({ keys })).toString('base64') },
  });
}

function newKey(): RingKey {
  const { name, secret } = createSealKey();
  return { name, secret: secret.toString('base64url') };
}

function keysOf({ data }: Secret): RingKey[] {
  try {
    const text = Buffer.from(data?.[RING_KEY] ?? '', 'base64').toString('utf8');
    return (JSON.parse(text) as { keys: RingKey[] }).keys;
  } catch (cause) {
    throw new BerthError('bad-setting', 'the Secret of the key ring holds no ring of sealing keys', {
      cause,
    });
  }
}
