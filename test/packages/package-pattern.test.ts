import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPackagePattern, matchPackage } from '../../src/packages/package-pattern.ts';

const npm = (name: string, version?: string) => ({ ecosystem: 'npm', name, version }) as const;
const pypi = (name: string, version?: string) => ({ ecosystem: 'pypi', name, version }) as const;

describe('an entry of a list of packages', () => {
  it.each([
    ['npm:left-pad', npm('left-pad'), 'yes'],
    ['npm:left-pad', pypi('left-pad'), 'no'],
    ['left-pad', pypi('left-pad'), 'yes'],
    ['left-pad', npm('left-pad2'), 'no'],
    ['npm:@scope/*', npm('@scope/name'), 'yes'],
    ['npm:@scope/*', npm('@scope2/name'), 'no'],
    ['npm:@sc*/name', npm('@scope/name'), 'yes'],
    ['npm:*', npm('name'), 'yes'],
    // A star does not let a scope in that nobody named.
    ['npm:*', npm('@scope/name'), 'no'],
    ['*-official', npm('@evil/x-official'), 'no'],
    ['pkg:npm/%40scope/name@1.2.3', npm('@scope/name', '1.2.3'), 'yes'],
    ['pkg:npm/%40scope%2Fname', npm('@scope/name'), 'yes'],
    ['pkg:pypi/Some_Name', pypi('some-name', '1'), 'yes'],
    ['pypi:some.name@1.*', pypi('some-name', '1.4.0'), 'yes'],
    ['pypi:some-name@1.*', pypi('some-name', '11.4.0'), 'no'],
    ['npm:x@1.*', npm('x'), 'maybe'],
    ['npm:x.y', npm('xzy'), 'no'],
    ['npm:X', npm('x'), 'no'],
  ] as const)('%s and %o: %s', (pattern, wanted, match) => {
    expect(matchPackage(pattern, wanted)).toBe(match);
  });

  it.each([
    '',
    'npm:',
    'gem:x',
    '@scope',
    'a b',
    'x@',
    'x/y/z',
    'https://example.com',
    'x\n',
    'a'.repeat(400),
  ])('%j is none', (text) => {
    expect(isPackagePattern(text)).toBe(false);
  });

  it('every name is matched by itself and by a star at its end, however odd', () => {
    const name = fc.stringMatching(/^[a-z0-9][a-z0-9._~-]{0,30}$/);
    fc.assert(
      fc.property(name, fc.nat(30), (given, at) => {
        expect(matchPackage(`npm:${given}`, npm(given))).toBe('yes');
        expect(matchPackage(`npm:${given.slice(0, at)}*`, npm(given))).toBe('yes');
      }),
    );
  });

  it('a long row of stars costs nothing', () => {
    expect(matchPackage(`npm:${'*a'.repeat(20)}*b`, npm('a'.repeat(200)))).toBe('no');
  });
});
