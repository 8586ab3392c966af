/** The seal of a parked call (data-path.md 7.1; threat T-32): good for one server, told apart from everything else. */
import { randomBytes, randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSealKey } from '../../src/auth/key-ring.ts';
import { principalDigest } from '../../src/auth/principal.ts';
import { createSealer, type ServerStateClaims, type StateClaims } from '../../src/auth/seal.ts';

const serverId = randomUUID();
const claims: StateClaims = {
  replica: 'local',
  principal: principalDigest('key:alice'),
  call: randomBytes(18).toString('base64url'),
  round: 1,
  expiresAt: 1_795_000_000_000,
};

describe('a sealed request state', () => {
  it('gives its claims back, by any gateway with the same key', () => {
    const keys = [createSealKey()];
    const state = createSealer({ keys }).sealState(serverId, claims);
    expect(state).toMatch(/^[\w-]{80,200}$/);
    expect(createSealer({ keys }).openState(state, serverId)).toEqual(claims);
  });

  it('holds any replica, call, round and time', () => {
    const sealer = createSealer({ keys: [createSealKey()] });
    const text = fc.string({ maxLength: 60, unit: 'binary' }).map((value) => value.toWellFormed());
    fc.assert(
      fc.property(text, text, fc.nat(2 ** 32 - 1), fc.nat(2 ** 47), (replica, call, round, expiresAt) => {
        const all = { ...claims, replica, call, round, expiresAt };
        expect(sealer.openState(sealer.sealState(serverId, all), serverId)).toEqual(all);
      }),
    );
  });

  it('tells nothing, and is different each time', () => {
    const sealer = createSealer({ keys: [createSealKey()] });
    const states = Array.from({ length: 50 }, () => sealer.sealState(serverId, claims));
    expect(new Set(states).size).toBe(50);
    const bytes = Buffer.from(states[0] ?? '', 'base64url').toString('latin1');
    for (const hidden of [serverId, claims.call, claims.replica]) expect(bytes).not.toContain(hidden);
  });

  it('is nothing with any one character changed, cut or added', () => {
    const sealer = createSealer({ keys: [createSealKey()] });
    const state = sealer.sealState(serverId, claims);
    for (let at = 0; at < state.length; at++) {
      const other = state[at] === 'A' ? 'B' : 'A';
      expect(sealer.openState(state.slice(0, at) + other + state.slice(at + 1), serverId)).toBeUndefined();
    }
    for (const other of [`${state}-TAMPERED`, `${state}=`, ` ${state}`, state.slice(1), state.slice(0, -1)])
      expect(sealer.openState(other, serverId)).toBeUndefined();
  });

  it('is nothing for another server', () => {
    const sealer = createSealer({ keys: [createSealKey()] });
    expect(sealer.openState(sealer.sealState(serverId, claims), randomUUID())).toBeUndefined();
  });

  it('is no session id, and a session id is none', () => {
    const sealer = createSealer({ keys: [createSealKey()] });
    const { replica, principal } = claims;
    const id = sealer.seal(serverId, { replica, principal, nonce: 'n', issuedAt: 1 });
    expect(sealer.openState(id, serverId)).toBeUndefined();
    expect(sealer.open(sealer.sealState(serverId, claims), serverId)).toBeUndefined();
  });

  it('opens while its key is one of two, and no longer', () => {
    const [first, second, third] = [createSealKey(), createSealKey(), createSealKey()];
    const sealer = createSealer({ keys: [first] });
    const state = sealer.sealState(serverId, claims);
    sealer.setKeys([second, first]);
    expect(sealer.openState(state, serverId)).toEqual(claims);
    expect(createSealer({ keys: [second] }).openState(state, serverId)).toBeUndefined();
    sealer.setKeys([third, second]);
    expect(sealer.openState(state, serverId)).toBeUndefined();
  });

  it.each(['', 'A', '{"nonce":1}', 'x'.repeat(5_000), 'A'.repeat(200)])('is not %j', (state) => {
    expect(createSealer({ keys: [createSealKey()] }).openState(state, serverId)).toBeUndefined();
  });
});

describe("a server's own state under seal", () => {
  const own: ServerStateClaims = {
    replica: 'pod-7',
    principal: principalDigest('key:alice'),
    state: Buffer.from('"ste\\u0070-2"'),
  };

  it('gives back every byte of it, by any gateway with the same key', () => {
    const keys = [createSealKey()];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5_000 }), (bytes) => {
        const state = Buffer.from(bytes);
        const sealed = createSealer({ keys }).sealServerState(serverId, { ...own, state });
        expect(sealed).toMatch(/^[\w-]+$/);
        expect(createSealer({ keys }).openServerState(sealed, serverId)).toEqual({ ...own, state });
      }),
    );
  });

  it('tells nothing, and is different each time', () => {
    const sealer = createSealer({ keys: [createSealKey()] });
    const [one, two] = [sealer.sealServerState(serverId, own), sealer.sealServerState(serverId, own)];
    expect(one).not.toBe(two);
    expect(Buffer.from(one, 'base64url').toString('latin1')).not.toMatch(/u0070|pod-7/);
  });

  it('is nothing with any one character changed, cut or added, and looks like one of ours wherever its key can be read', () => {
    const sealer = createSealer({ keys: [createSealKey()] });
    const state = sealer.sealServerState(serverId, own);
    for (let at = 0; at < state.length; at++) {
      const other = `${state.slice(0, at)}${state[at] === 'A' ? 'B' : 'A'}${state.slice(at + 1)}`;
      expect(sealer.openServerState(other, serverId)).toBeUndefined();
      if (at >= 8) expect(sealer.looksSealed(other)).toBe(true);
    }
    for (const other of [`${state}A`, `${state}=`, state.slice(0, -1)])
      expect(sealer.openServerState(other, serverId)).toBeUndefined();
  });

  it('is good for its server, as what it is, and under its keys only', () => {
    const [first, second] = [createSealKey(), createSealKey()];
    const sealer = createSealer({ keys: [first] });
    const state = sealer.sealServerState(serverId, own);
    expect(sealer.openServerState(state, randomUUID())).toBeUndefined();
    expect(sealer.openState(state, serverId)).toBeUndefined();
    expect(sealer.open(state, serverId)).toBeUndefined();
    expect(sealer.openServerState(sealer.sealState(serverId, claims), serverId)).toBeUndefined();
    sealer.setKeys([second, first]);
    expect(sealer.openServerState(state, serverId)).toEqual(own);
    sealer.setKeys([second]);
    expect(sealer.openServerState(state, serverId)).toBeUndefined();
    expect(sealer.looksSealed(state)).toBe(false);
  });
});

describe('what looks sealed', () => {
  const sealer = createSealer({ keys: [createSealKey()] });

  it('is a state of either kind, and no session id', () => {
    const { replica, principal } = claims;
    expect(sealer.looksSealed(sealer.sealState(serverId, claims))).toBe(true);
    const own = sealer.sealServerState(serverId, { replica, principal, state: Buffer.from('""') });
    expect(sealer.looksSealed(own)).toBe(true);
    expect(sealer.looksSealed(sealer.seal(serverId, { replica, principal, nonce: 'n', issuedAt: 1 }))).toBe(
      false,
    );
  });

  it('is nothing that servers make', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (state) => !sealer.looksSealed(state)));
    for (const state of ['', 'A', 'BAAAAAA', 'eyJhIjoxfQ', '{"a":1}', 'A'.repeat(5_000)])
      expect(sealer.looksSealed(state)).toBe(false);
  });
});
