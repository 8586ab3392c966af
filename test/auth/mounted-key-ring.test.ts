import { mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSealKey } from '../../src/auth/key-ring.ts';
import { type MountedKeyRing, SETTLES_AFTER, watchKeyRing } from '../../src/auth/mounted-key-ring.ts';
import { createSealer, type SealKey } from '../../src/auth/seal.ts';
import { ManualClock } from '../../src/clock.ts';
import type { BerthError } from '../../src/errors.ts';
import { eventually } from '../support/local-process.ts';

const SERVER = '3f0d9c52-6f0a-4a4e-9d5a-0b1f5c8c2f11';
const CLAIMS = { replica: 'r', nonce: 'n', principal: 'A'.repeat(22), issuedAt: 1 };

describe('a mounted key ring', () => {
  let folder: string;
  let path: string;
  let ring: MountedKeyRing | undefined;
  const clock = new ManualClock();
  const seen: (readonly SealKey[])[] = [];
  const errors: BerthError[] = [];

  const text = (...keys: SealKey[]) =>
    JSON.stringify({
      keys: keys.map(({ name, secret }) => ({ name, secret: Buffer.from(secret).toString('base64url') })),
    });
  /** As the kubelet does: a new file, and a link that is swapped. */
  let version = 0;
  const mount = (content: string) => {
    const file = join(folder, `v${++version}`);
    writeFileSync(file, content, { mode: 0o644 });
    try {
      unlinkSync(path);
    } catch {
      // The first time there is none.
    }
    symlinkSync(file, path);
  };
  const open = async () => {
    ring = await watchKeyRing({
      path,
      clock,
      onKeys: (keys) => seen.push(keys),
      onError: (error) => errors.push(error),
    });
    return ring;
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'berth-ring-'));
    path = join(folder, 'seal-keys.json');
    seen.length = 0;
    errors.length = 0;
  });
  afterEach(() => {
    ring?.close();
    rmSync(folder, { recursive: true });
  });

  it('is waited for, and read again when it changes', async () => {
    const [first, second] = [createSealKey(), createSealKey()];
    const opened = await open();
    expect([opened.isThere, errors]).toEqual([false, []]);
    mount(text(first));
    clock.advance(5_000);
    await eventually('the key', () => opened.isThere);
    const sealer = createSealer({ keys: seen[0] ?? [] });
    const old = sealer.seal(SERVER, CLAIMS);
    mount(text(second, first));
    clock.advance(5_000);
    await eventually('both keys', () => seen.length === 2);
    // The new key opens what others seal, and seals when all have it.
    expect(seen[1]?.map(({ name }) => name)).toEqual([first.name, second.name]);
    clock.advance(SETTLES_AFTER);
    expect(seen[2]?.map(({ name }) => name)).toEqual([second.name, first.name]);
    sealer.setKeys(seen[2] ?? []);
    expect(sealer.open(old, SERVER)?.nonce).toBe('n');
    mount(text(second));
    clock.advance(5_000);
    await eventually('the newer one alone', () => seen.length === 4);
    sealer.setKeys(seen[3] ?? []);
    expect(sealer.open(old, SERVER)).toBeUndefined();
  });

  it('keeps the keys so far when the file cannot be used, and says nothing of what is in it', async () => {
    mount(text(createSealKey()));
    const opened = await open();
    mount('{"keys": "canary-secret"');
    clock.advance(5_000);
    await eventually('the error', () => errors.length === 1);
    expect([opened.isThere, seen.length]).toEqual([true, 1]);
    expect(errors[0]?.code).toBe('bad-setting');
    expect(JSON.stringify(errors[0]) + errors[0]?.message).not.toContain('canary');
  });
});
