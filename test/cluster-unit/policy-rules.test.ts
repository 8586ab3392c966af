/** The evaluator of NetworkPolicies does what Kubernetes says of them; what it is used for is in policies.test.ts. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  allows,
  type Connection,
  type End,
  isWithin,
  type PodEnd,
  type Policy,
  type PolicyPeer,
  passes,
  type Selector,
  selects,
} from '../support/network-policies.ts';

const NAMESPACES = ['one', 'two'] as const;
const KEYS = ['app', 'tier'] as const;
const VALUES = ['a', 'b'] as const;
const PORTS = [80, 443, 8080] as const;

const labels = fc.dictionary(fc.constantFrom(...KEYS), fc.constantFrom(...VALUES), { maxKeys: 2 });
const address = fc
  .tuple(fc.constantFrom(10, 172, 203), fc.nat(255))
  .map(([first, last]) => `${first}.0.0.${last}`);
const pod: fc.Arbitrary<PodEnd> = fc
  .record({ namespace: fc.constantFrom(...NAMESPACES), labels, address })
  .map((one) => ({ ...one, namespaceLabels: { name: one.namespace }, ports: { http: 8080 } }));
const end: fc.Arbitrary<End> = fc.oneof(pod, fc.record({ address }));
const selector: fc.Arbitrary<Selector> = fc.oneof(
  fc.record({ matchLabels: labels }),
  fc.record({
    matchExpressions: fc.array(
      fc.record({
        key: fc.constantFrom(...KEYS),
        operator: fc.constantFrom('In', 'NotIn', 'Exists', 'DoesNotExist'),
        values: fc.uniqueArray(fc.constantFrom(...VALUES), { minLength: 1 }),
      }),
      { maxLength: 2 },
    ),
  }),
);
const namespaceSelector: fc.Arbitrary<Selector> = fc.oneof(
  fc.constant({}),
  fc.constantFrom(...NAMESPACES).map((name) => ({ matchLabels: { name } })),
);
const cidr = fc.constantFrom('0.0.0.0/0', '10.0.0.0/8', '10.0.0.128/25', '203.0.0.0/24');
const peer: fc.Arbitrary<PolicyPeer> = fc.oneof(
  fc.record({ podSelector: selector }),
  fc.record({ namespaceSelector }),
  fc.record({ podSelector: selector, namespaceSelector }),
  fc.record({ cidr, except: fc.array(cidr, { maxLength: 2 }) }).map((ipBlock) => ({ ipBlock })),
);
const port = fc.oneof(
  fc.record({ port: fc.constantFrom<number | string>(...PORTS, 'http') }),
  fc.record({ port: fc.constant(80), endPort: fc.constantFrom(443, 9000) }),
  fc.record({ protocol: fc.constantFrom('TCP', 'UDP') }),
);
const peers = fc.array(peer, { maxLength: 2 });
const ports = fc.array(port, { maxLength: 2 });
const policy: fc.Arbitrary<Policy> = fc.record({
  metadata: fc.record({ namespace: fc.constantFrom(...NAMESPACES) }),
  spec: fc.record({
    podSelector: selector,
    policyTypes: fc.constantFrom(['Ingress'], ['Egress'], ['Ingress', 'Egress']),
    ingress: fc.array(fc.record({ from: peers, ports }), { maxLength: 2 }),
    egress: fc.array(fc.record({ to: peers, ports }), { maxLength: 2 }),
  }),
});
const policies = fc.array(policy, { maxLength: 4 });
const connection: fc.Arbitrary<Connection> = fc.record({
  from: end,
  to: end,
  protocol: fc.constantFrom('TCP' as const, 'UDP' as const),
  port: fc.constantFrom(...PORTS),
});

/** Everything of a namespace, in both directions, without any rule. */
const denyAll = (namespace: string): Policy => ({
  metadata: { namespace },
  spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'] },
});

describe('whatever the policies', () => {
  it('without any, everything passes', () => {
    fc.assert(fc.property(connection, (one) => allows([], one)));
  });

  it('their order does not matter', () => {
    fc.assert(
      fc.property(policies, connection, (all, one) => {
        expect(allows(all.toReversed(), one)).toBe(allows(all, one));
      }),
    );
  });

  it('one that denies everything leaves nothing to its pods, and nobody else is touched', () => {
    fc.assert(
      fc.property(connection, (one) => {
        const touched = [one.from, one.to].some(({ namespace }) => namespace === 'one');
        expect(allows([denyAll('one')], one)).toBe(!touched);
      }),
    );
  });

  it('a further one takes nothing from pods that are isolated already', () => {
    fc.assert(
      fc.property(policies, policy, connection, (all, more, one) => {
        const isolated = [...all, ...NAMESPACES.map(denyAll)];
        if (allows(isolated, one)) expect(allows([...isolated, more], one)).toBe(true);
      }),
    );
  });

  it('one that selects neither end changes nothing', () => {
    fc.assert(
      fc.property(policies, policy, connection, (all, more, one) => {
        const elsewhere = { ...more, metadata: { namespace: 'elsewhere' } };
        expect(allows([...all, elsewhere], one)).toBe(allows(all, one));
      }),
    );
  });

  it('an exception of a range never lets more through', () => {
    fc.assert(
      fc.property(cidr, cidr, connection, (range, except, one) => {
        const to = (exceptions: string[]): Policy => ({
          metadata: { namespace: 'one' },
          spec: {
            policyTypes: ['Egress'],
            egress: [{ to: [{ ipBlock: { cidr: range, except: exceptions } }] }],
          },
        });
        if (allows([to([except])], one)) expect(allows([to([])], one)).toBe(true);
      }),
    );
  });

  it('a direction that no policy is about is open', () => {
    fc.assert(
      fc.property(policies, connection, (all, one) => {
        const inOnly = all.map(({ metadata, spec }) => ({
          metadata,
          spec: { ...spec, policyTypes: ['Ingress'] },
        }));
        expect(passes(inOnly, 'Egress', one)).toBe(true);
      }),
    );
  });

  it('what is no pod is bound by none, and chosen by ranges alone', () => {
    fc.assert(
      fc.property(policies, peer, connection, (all, one, given) => {
        const from = { address: given.from.address };
        const to = { address: given.to.address };
        expect(allows(all, { ...given, from, to })).toBe(true);
        const rule: Policy = { metadata: { namespace: 'one' }, spec: { ingress: [{ from: [one] }] } };
        const inside: PodEnd = { namespace: 'one', namespaceLabels: {}, labels: {}, address: '10.1.1.1' };
        if (!one.ipBlock) expect(allows([rule], { ...given, from, to: inside })).toBe(false);
      }),
    );
  });
});

describe('a selector', () => {
  it('and its negation choose each pod once', () => {
    const pairs = [
      ['In', 'NotIn'],
      ['Exists', 'DoesNotExist'],
    ] as const;
    fc.assert(
      fc.property(fc.constantFrom(...pairs), labels, (operators, given) => {
        const [first, second] = operators.map((operator) =>
          selects({ matchExpressions: [{ key: 'app', operator, values: ['a'] }] }, given),
        );
        expect(first).toBe(!second);
      }),
    );
  });

  it('of labels is one of expressions', () => {
    fc.assert(
      fc.property(labels, labels, (wanted, given) => {
        const matchExpressions = Object.entries(wanted).map(([key, value]) => ({
          ...{ key, operator: 'In', values: [value] },
        }));
        expect(selects({ matchExpressions }, given)).toBe(selects({ matchLabels: wanted }, given));
      }),
    );
  });
});

it('a range holds the addresses whose first bits are its own', () => {
  const number = (text: string): bigint =>
    text.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n);
  const any = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)).map((parts) => parts.join('.'));
  const near = fc.tuple(any, fc.nat(32), fc.nat(2 ** 32 - 1));
  fc.assert(
    fc.property(near, ([base, bits, offset]) => {
      const moved = (number(base) + BigInt(offset % 1024)) % 2n ** 32n;
      const other = [24n, 16n, 8n, 0n].map((shift) => (moved >> shift) & 255n).join('.');
      const left = BigInt(32 - bits);
      expect(isWithin(other, `${base}/${bits}`)).toBe(number(base) >> left === number(other) >> left);
    }),
  );
  expect(isWithin('fd00:ec2::254', 'fc00::/7')).toBe(true);
  expect(isWithin('2001:db8::1', 'fc00::/7')).toBe(false);
  expect([isWithin('10.0.0.1', '::/0'), isWithin('::1', '0.0.0.0/0')]).toEqual([false, false]);
});

it('follows the example of the documentation of Kubernetes', () => {
  const example: Policy = {
    metadata: { namespace: 'default' },
    spec: {
      podSelector: { matchLabels: { role: 'db' } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        {
          from: [
            { ipBlock: { cidr: '172.17.0.0/16', except: ['172.17.1.0/24'] } },
            { namespaceSelector: { matchLabels: { project: 'myproject' } } },
            { podSelector: { matchLabels: { role: 'frontend' } } },
          ],
          ports: [{ protocol: 'TCP', port: 6379 }],
        },
      ],
      egress: [{ to: [{ ipBlock: { cidr: '10.0.0.0/24' } }], ports: [{ protocol: 'TCP', port: 5978 }] }],
    },
  };
  const of = (namespace: string, role: string, more: Partial<PodEnd> = {}): PodEnd => ({
    ...{ namespace, namespaceLabels: {}, labels: { role }, address: '10.9.0.1' },
    ...more,
  });
  const db = of('default', 'db');
  const into = (from: End, port = 6379): boolean => allows([example], { from, to: db, port });
  expect([
    into({ address: '172.17.2.1' }),
    into({ address: '172.17.1.1' }),
    into(of('default', 'frontend')),
    into(of('other', 'frontend')),
    into(of('other', 'any', { namespaceLabels: { project: 'myproject' } })),
    into(of('default', 'frontend'), 6380),
  ]).toEqual([true, false, true, false, true, false]);
  const out = (to: string, port: number): boolean =>
    allows([example], { from: db, to: { address: to }, port });
  expect([out('10.0.0.7', 5978), out('10.0.1.7', 5978), out('10.0.0.7', 5979)]).toEqual([true, false, false]);
});
