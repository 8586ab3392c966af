import { randomBytes, randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSealKey, openKeyRing } from '../../src/auth/key-ring.ts';
import { principalDigest } from '../../src/auth/principal.ts';
import { createSealer, type SessionClaims } from '../../src/auth/seal.ts';

const serverId = randomUUID();
const claims: SessionClaims = {
  replica: 'local',
  nonce: randomBytes(18).toString('base64url'),
  principal: principalDigest('local'),
  issuedAt: 1_795_000_000_000,
};

describe('a sealed session id', () => {
  it('gives its claims back, by the sealer that made it and by another gateway with the same key', () => {
    const keys = [createSealKey()];
    const sealer = createSealer({ keys });
    const id = sealer.seal(serverId, claims);
    expect(sealer.open(id, serverId)).toEqual(claims);
    expect(createSealer({ keys }).open(id, serverId)).toEqual(claims);
  });

  it('holds any replica, nonce and time', () => {
    const sealer = createSealer({ keys: [createSealKey()] });
    const text = fc.string({ maxLength: 60, unit: 'binary' }).map((value) => value.toWellFormed());
    fc.assert(
      fc.property(text, text, fc.nat(2 ** 47), (replica, nonce, issuedAt) => {
        const all = { ...claims, replica, nonce, issuedAt };
        expect(sealer.open(sealer.seal(serverId, all), serverId)).toEqual(all);
      }),
    );
  });

  it('holds whether it is the id of an SSE session', () => {
    const sealer = createSealer({ keys: [createSealKey()], remember: 0 });
    for (const one of [claims, { ...claims, delivery: 'single' as const }])
      expect(sealer.open(sealer.seal(serverId, one), serverId)).toStrictEqual(one);
  });

  it('is plain, short, and different each time', () => {
    const sealer = createSealer({ keys: [createSealKey()] });
    const ids = Array.from({ length: 50 }, () => sealer.seal(serverId, claims));
    expect(new Set(ids).size).toBe(50);
    expect(ids.every((id) => /^[\w-]{80,140}$/.test(id))).toBe(true);
  });

  it('tells nothing of server, principal and session', () => {
    const bytes = Buffer.from(
      createSealer({ keys: [createSealKey()] }).seal(serverId, claims),
      'base64url',
    ).toString('latin1');
    for (const hidden of [serverId, claims.nonce, claims.replica]) expect(bytes).not.toContain(hidden);
  });

  it('is nothing for another server, remembered or not', () => {
    const sealer = createSealer({ keys: [createSealKey()] });
    const id = sealer.seal(serverId, claims);
    expect(sealer.open(id, randomUUID())).toBeUndefined();
    expect(sealer.open(id, serverId)).toEqual(claims);
    expect(sealer.open(id, randomUUID())).toBeUndefined();
  });

  it('is nothing with any one character changed', () => {
    const sealer = createSealer({ keys: [createSealKey()] });
    const id = sealer.seal(serverId, claims);
    for (let at = 0; at < id.length; at++) {
      const other = id[at] === 'A' ? 'B' : 'A';
      expect(sealer.open(id.slice(0, at) + other + id.slice(at + 1), serverId)).toBeUndefined();
    }
  });

  it.each(['', 'A', 'AQ', 'not base64!', 'x'.repeat(5_000), 'A'.repeat(200)])('is not %j', (id) => {
    expect(createSealer({ keys: [createSealKey()] }).open(id, serverId)).toBeUndefined();
  });

  it('has one spelling', () => {
    const sealer = createSealer({ keys: [createSealKey()] });
    const id = sealer.seal(serverId, claims);
    for (const other of [`${id}=`, `${id} `, ` ${id}`, `${id}\n`, `${id.slice(0, 10)}.${id.slice(10)}`]) {
      expect(sealer.open(other, serverId)).toBeUndefined();
    }
  });

  it('opens while its key is one of two, and no longer', () => {
    const [first, second, third] = [createSealKey(), createSealKey(), createSealKey()];
    const sealer = createSealer({ keys: [first] });
    const id = sealer.seal(serverId, claims);
    sealer.setKeys([second, first]);
    expect(sealer.open(id, serverId)).toEqual(claims);
    sealer.setKeys([third, second]);
    expect(sealer.open(id, serverId)).toBeUndefined();
  });

  it('is opened once and then remembered, for a bounded number of ids', () => {
    const sealer = createSealer({ keys: [createSealKey()], remember: 2 });
    const ids = Array.from({ length: 3 }, () => sealer.seal(serverId, claims));
    const opened = ids.map((id) => sealer.open(id, serverId));
    expect(sealer.open(ids[2] ?? '', serverId)).toBe(opened[2]);
    expect(sealer.open(ids[0] ?? '', serverId)).not.toBe(opened[0]);
    expect(sealer.open(ids[0] ?? '', serverId)).toEqual(claims);
  });
});

describe('the key ring of a data folder', () => {
  let dataDir: string;
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'berth-ring-'));
  });
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

  it('is made at the first start, for the owner only, and read at the next', () => {
    const ring = openKeyRing(dataDir);
    expect(ring.keys).toHaveLength(1);
    expect(statSync(join(dataDir, 'seal-keys.json')).mode & 0o777).toBe(0o600);
    expect(openKeyRing(dataDir).keys).toEqual(ring.keys);
  });

  it('keeps the previous key through one rotation, over restarts', () => {
    const sealer = createSealer({ keys: openKeyRing(dataDir).keys });
    const id = sealer.seal(serverId, claims);
    openKeyRing(dataDir).rotate();
    expect(createSealer({ keys: openKeyRing(dataDir).keys }).open(id, serverId)).toEqual(claims);
    expect(openKeyRing(dataDir).rotate()).toHaveLength(2);
    expect(createSealer({ keys: openKeyRing(dataDir).keys }).open(id, serverId)).toBeUndefined();
  });

  it('that others may read is refused', () => {
    openKeyRing(dataDir);
    chmodSync(join(dataDir, 'seal-keys.json'), 0o640);
    expect(() => openKeyRing(dataDir)).toThrow(expect.objectContaining({ code: 'bad-setting' }));
  });
});

describe('a principal digest', () => {
  it('is 128 bits, equal for equal ids only', () => {
    expect(Buffer.from(principalDigest('key:a'), 'base64url')).toHaveLength(16);
    expect(principalDigest('key:a')).toBe(principalDigest('key:a'));
    expect(principalDigest('key:a')).not.toBe(principalDigest('key:b'));
  });
});
