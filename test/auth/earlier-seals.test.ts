/** What gateways of an earlier version have sealed is opened by this one: a session and a parked call outlive an upgrade. */
import { expect, it } from 'vitest';
import { createSealer } from '../../src/auth/seal.ts';

const KEY = { name: 'a2V5MQ', secret: Buffer.alloc(32, 7) };
const SERVER = '6f1c2c0e-0000-4000-8000-000000000001';
/** Written down from commit b530fe7; what later versions seal in another way is added, and this stays. */
const SEALED = {
  session:
    'AmtleTG4pGmr_WUccQ4xasRRKve575dyeBaQU6X1ND0nXDgN6Rq-3VFzLaPquLAcnX8E4j8ZUjTDjQTXaM5Vq3KcpRZ2X32Xc3bE8anzI1f8O8MD2H4',
  single:
    'AmtleTGU9skl7WL3cVL-piOIycwo-O6AgqqTunJkzSxiPDWPhfUPjtl4Anb19ohQPNopIVXMhja0AKs0dCYkFBdzw0kaZPajYEjoq668I1IUmrcgI8U',
  state:
    'A2tleTF3U0FKTQ5_Yc-9Y0WG6dw8bzRVNCIV5MlVlrGZkxAbCjTj6aNLCx7EQcAM1omCkG4hvSuC57j-NpB8YaRjYIddg7IeOlTCoja6o0FeipDt5uJYzQ',
  /** From the version that first sealed servers' own states. */
  own: 'BGtleTEamTkGpoSFE-wk1LRQtUN35M1lmVnQ5zhO9znpWzxryUJb4BmvzF7vfpPnsZ2PSij0p88x9Z1C8loyw7U5wMLB_44mdCg9BBxAIw',
};
const claims = {
  replica: 'mcp-search-7d9f-abcde',
  nonce: 'bm9uY2U',
  principal: 'lP8UOEtxG3d8SzFsQ-idHQ',
  issuedAt: 1_795_000_000_000,
};

it('opens session ids, those of SSE as such', () => {
  const sealer = createSealer({ keys: [KEY] });
  expect(sealer.open(SEALED.session, SERVER)).toEqual(claims);
  expect(sealer.open(SEALED.single, SERVER)).toEqual({ ...claims, delivery: 'single' });
});

it('opens states of parked calls', () => {
  const { replica, principal } = claims;
  expect(createSealer({ keys: [KEY] }).openState(SEALED.state, SERVER)).toEqual({
    ...{ replica, principal, call: 'Y2FsbA', round: 2 },
    expiresAt: 1_795_000_900_000,
  });
});

it("opens servers' own states", () => {
  const { replica, principal } = claims;
  const state = Buffer.from('"step-2"');
  const sealer = createSealer({ keys: [KEY] });
  expect(sealer.openServerState(SEALED.own, SERVER)).toEqual({ replica, principal, state });
});
