/** The seal of a parked call (data-path.md 7.1; threat T-32): good for one server, told apart from everything else. */
import { randomBytes, randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSealKey } from '../../src/auth/key-ring.ts';
import { principalDigest } from '../../src/auth/principal.ts';
import { createSealer, type StateClaims } from '../../src/auth/seal.ts';

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
