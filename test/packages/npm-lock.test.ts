import { describe, expect, it } from 'vitest';
import { dropAbsentOptionals } from '../../src/packages/npm-lock.ts';

const text = (packages: object) => JSON.stringify({ lockfileVersion: 3, packages });
const optionals = (locked: string, place: string) => JSON.parse(locked).packages[place].optionalDependencies;

describe('a lock', () => {
  it('keeps optional dependencies that are in it, beside the package or further up', () => {
    const lock = text({
      '': { dependencies: { a: '1' } },
      'node_modules/a': { optionalDependencies: { b: '1', '@s/c': '1' } },
      'node_modules/b': {},
      'node_modules/a/node_modules/@s/c': { optionalDependencies: { b: '1', a: '1' } },
    });
    expect(dropAbsentOptionals(lock)).toBe(lock);
  });

  it('loses those that npm did not find, and nothing else', () => {
    const lock = text({
      '': { dependencies: { a: '1' } },
      'node_modules/a': { optionalDependencies: { b: '1', gone: '1' }, dependencies: { missing: '1' } },
      'node_modules/b': { optionalDependencies: { gone: '1' } },
      'node_modules/x/node_modules/gone': {},
    });
    const changed = dropAbsentOptionals(lock);
    expect(optionals(changed, 'node_modules/a')).toEqual({ b: '1' });
    expect(optionals(changed, 'node_modules/b')).toEqual({});
    expect(JSON.parse(changed).packages['node_modules/a'].dependencies).toEqual({ missing: '1' });
  });
});
