import { describe, expect, it } from 'vitest';
import { BerthError } from '../../src/errors.ts';
import { chooseNpmVersion, type Packument } from '../../src/packages/npm-resolve.ts';

const PACKUMENT: Packument = {
  'dist-tags': { latest: '2.0.0', next: '3.0.0-rc.1' },
  versions: {
    '1.0.0': { dist: { integrity: 'sha512-one' } },
    '1.1.0': { deprecated: 'broken' },
    '1.2.0': { engines: { node: '>=30' } },
    '2.0.0': { engines: { node: '>=20' } },
    '2.1.0': {},
    '3.0.0-rc.1': {},
  },
  time: { '2.0.0': '2026-10-01T00:00:00Z', '1.0.0': '2026-01-01T00:00:00Z', '1.1.0': '2026-02-01T00:00:00Z' },
};

function choose(
  wanted: string | undefined,
  more: { nodeVersion?: string; before?: Date; packument?: Packument } = {},
) {
  const { packument = PACKUMENT, nodeVersion = '24.0.0', before } = more;
  return chooseNpmVersion(packument, { name: 'x', wanted, nodeVersion, before });
}

describe('the npm version', () => {
  it.each([
    [undefined, '2.0.0'],
    ['latest', '2.0.0'],
    ['next', '3.0.0-rc.1'],
    ['1.2.0-missing||1.0.0', '1.0.0'],
    ['>=1', '2.0.0'],
    ['^2.1', '2.1.0'],
    ['*', '2.0.0'],
    ['1.0.0', '1.0.0'],
    ['v1.0.0', '1.0.0'],
    ['1.1.0', '1.1.0'],
  ])('for %s is %s', (wanted, version) => {
    expect(choose(wanted).version).toBe(version);
  });

  it('keeps the integrity where the registry gives one', () => {
    expect(choose('1.0.0')).toEqual({ version: '1.0.0', integrity: 'sha512-one' });
    expect(choose('2.1.0')).toEqual({ version: '2.1.0' });
  });

  it('is one that our Node can run, and not deprecated if there is another', () => {
    expect(choose('^1').version).toBe('1.0.0');
    expect(choose(undefined, { nodeVersion: '18.0.0' }).version).toBe('1.0.0');
  });

  it('takes a deprecated one when nothing else fits, for deprecated is advice', () => {
    expect(choose('~1.1').version).toBe('1.1.0');
  });

  it('says which Node is needed when none fits', () => {
    const failure = catchError(() => choose('1.2.0'));
    expect(failure).toMatchObject({ code: 'resolve-failed', details: { phase: 'resolve' } });
    expect(failure.message).toBe('x@1.2.0 needs Node >=30, this is 24.0.0');
  });

  it.each(['9.9.9', '^9', 'no-such-tag', 'constructor'])('fails for %s, which does not exist', (wanted) => {
    expect(catchError(() => choose(wanted)).message).toBe(`x has no version ${wanted}`);
  });

  it('respects a date that the user gave npm', () => {
    expect(
      choose('latest', {
        before: new Date('2026-09-01T00:00:00Z'),
        packument: { ...PACKUMENT, versions: pickOld() },
      }).version,
    ).toBe('1.0.0');
  });

  it('does not need the members that a mirror leaves out', () => {
    expect(choose('1.x', { packument: { versions: { '1.0.0': {} } } }).version).toBe('1.0.0');
    expect(catchError(() => choose(undefined, { packument: {} })).code).toBe('resolve-failed');
  });
});

function pickOld(): NonNullable<Packument['versions']> {
  return { '1.0.0': {}, '1.1.0': { deprecated: 'broken' }, '2.0.0': {} };
}

function catchError(work: () => unknown): BerthError {
  try {
    work();
  } catch (error) {
    if (error instanceof BerthError) return error;
  }
  throw new Error('nothing was thrown');
}
