import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BerthError } from '../../src/errors.ts';
import { exposedName, NameTable, withHash } from '../../src/groups/exposed-names.ts';
import { parseGroup, showsTool } from '../../src/groups/group-spec.ts';
import { Groups } from '../../src/groups/groups.ts';
import { SqliteGroupStore } from '../../src/store/group-store.ts';

const fault = (body: unknown): BerthError => {
  try {
    parseGroup(body);
  } catch (error) {
    return error as BerthError;
  }
  return expect.unreachable();
};

describe('a group', () => {
  it('is a name and its servers, each alone or with what the group says of it', () => {
    expect(
      parseGroup({ name: 'work', servers: ['time', { server: 'git', prefix: '', tools: ['git_*'] }] }),
    ).toEqual({
      name: 'work',
      servers: [{ server: 'time' }, { server: 'git', prefix: '', tools: ['git_*'] }],
    });
  });

  it.each([
    ['no server', { name: 'work', servers: [] }, '/servers'],
    ['a server twice', { name: 'work', servers: ['a', { server: 'a' }] }, '/servers'],
    ['a name that is none', { name: 'Work!', servers: ['a'] }, '/name'],
    [
      'a prefix that clients refuse',
      { name: 'work', servers: [{ server: 'a', prefix: 'a.b' }] },
      '/servers/0',
    ],
    ['an unknown member', { name: 'work', servers: ['a'], who: 1 }, '/who'],
  ])('cannot have %s', (_what, body, pointer) => {
    expect(fault(body)).toMatchObject({ code: 'bad-input' });
    expect(fault(body).details.fields?.[0]?.pointer).toMatch(new RegExp(`^${pointer}`));
  });
});

describe('an allow-list', () => {
  it.each([
    [['echo'], 'echo', true],
    [['echo'], 'echo2', false],
    [['get_*'], 'get_a', true],
    [['get_*'], 'forget_a', false],
    [['*_read'], 'file_read', true],
    [['a*b*c'], 'a1b2c', true],
    [['a*b*c'], 'acb', false],
    [['a*a'], 'a', false],
    [['*'], 'anything', true],
    [[], 'anything', false],
    [undefined, 'anything', true],
  ])('%j and %s: %s', (tools, name, shown) => {
    expect(showsTool({ server: 'a', ...(tools && { tools }) }, name)).toBe(shown);
  });

  it('takes * for what a regular expression does', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '*', '.'), maxLength: 8 });
    fc.assert(
      fc.property(text, text, (pattern, name) => {
        const parts = pattern.split('*').map((part) => part.replaceAll('.', '\\.'));
        expect(showsTool({ server: 'a', tools: [pattern] }, name)).toBe(
          new RegExp(`^${parts.join('.*')}$`).test(name),
        );
      }),
    );
  });
});

describe('names', () => {
  it('are the prefix and the own name', () => {
    expect(exposedName({ server: 'time' }, 'convert')).toBe('time__convert');
    expect(exposedName({ server: 'time', prefix: 't-' }, 'convert')).toBe('t-convert');
    expect(exposedName({ server: 'time', prefix: '' }, 'convert')).toBe('convert');
  });

  it('keep to what clients take, and stay the same', () => {
    const member = { server: 'time' };
    const long = 'x'.repeat(100);
    expect(exposedName(member, long)).toBe(exposedName(member, long));
    expect(exposedName(member, `${long}1`)).not.toBe(exposedName(member, `${long}2`));
    expect(exposedName(member, 'a.b')).not.toBe(exposedName(member, 'a/b'));
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'binary' }), (own) => {
        expect(exposedName(member, own)).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
      }),
    );
  });

  it('are never two alike', () => {
    const table = new NameTable();
    const second = { server: 'b', prefix: 'x_y_' };
    expect(table.add({ server: 'a', prefix: 'x_' }, 'y_z')).toBe('x_y_z');
    expect(table.add(second, 'z')).toBe(withHash(second, 'z'));
  });
});

describe('all groups', () => {
  it('are kept, told of and removed', async () => {
    const store = new SqliteGroupStore(':memory:');
    let now = 1_000;
    const groups = new Groups(store, () => now);
    const changed: string[] = [];
    groups.onChange((name) => changed.push(name));
    groups.create(parseGroup({ name: 'b', servers: ['time'] }));
    groups.create(parseGroup({ name: 'a', servers: ['time', 'git'] }));
    await expect(groups.create(parseGroup({ name: 'a', servers: ['x'] }))).rejects.toThrow(/already/);
    now = 2_000;
    expect((await groups.put(parseGroup({ name: 'a', servers: ['git'] }))).created).toBe(false);
    const again = new Groups(store).list();
    expect(again).toEqual([
      { spec: { name: 'a', servers: [{ server: 'git' }] }, createdAt: 1_000, updatedAt: 2_000 },
      { spec: { name: 'b', servers: [{ server: 'time' }] }, createdAt: 1_000, updatedAt: 1_000 },
    ]);
    await groups.remove('a');
    await expect(groups.remove('a')).rejects.toThrow(/no group/);
    expect(new Groups(store).list().map(({ spec }) => spec.name)).toEqual(['b']);
    expect(changed).toEqual(['b', 'a', 'a', 'a']);
    store.close();
  });
});
