import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SqliteTemplateStore } from '../../src/store/template-store.ts';
import { TemplateCatalogue } from '../../src/templates/catalogue.ts';
import { CustomTemplates } from '../../src/templates/custom-templates.ts';
import { madeUp } from '../templates/support.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-templates-'));
  path = join(folder, 'data', 'templates.sqlite');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function open(permit: () => void = () => {}) {
  let time = 1_000;
  const store = new SqliteTemplateStore(path, () => time++);
  const catalogue = new TemplateCatalogue([madeUp('built-in')]);
  const faults: string[] = [];
  const custom = new CustomTemplates({ catalogue, store, permit, onFault: (slug) => faults.push(slug) });
  return { store, catalogue, custom, faults };
}

describe('custom templates', () => {
  it('are there after a restart, as they were, with their history', () => {
    const first = open();
    const template = { ...madeUp('own'), readme: '# Own' };
    first.custom.register(template);
    first.custom.replace({ ...template, readme: '# Newer' });
    first.store.close();
    const second = open();
    expect(second.catalogue.get('own')).toMatchObject({ readme: '# Newer', custom: { revision: 2 } });
    expect(JSON.stringify(second.catalogue.get('own').document)).toBe(JSON.stringify(template.document));
    expect(second.custom.history('own')).toMatchObject([
      { revision: 2, change: 'replaced', readme: '# Newer' },
      { revision: 1, change: 'registered', readme: '# Own', document: template.document },
    ]);
    second.store.close();
  });

  it('are in a file that only its owner reads', () => {
    open().store.close();
    expect(statSync(path).mode & 0o077).toBe(0);
  });

  it('go, and their history stays and goes on', () => {
    const { custom, catalogue, store } = open();
    custom.register(madeUp('own'));
    custom.unregister('own');
    expect(catalogue.find('own')).toBeUndefined();
    expect(custom.history('own').map(({ change }) => change)).toEqual(['removed', 'registered']);
    custom.register(madeUp('own'));
    expect(custom.history('own').map(({ revision }) => revision)).toEqual([3, 2, 1]);
    store.close();
  });

  it('never take the place of what comes with Berth', () => {
    const { custom, store } = open();
    const conflict = expect.objectContaining({ code: 'conflict' });
    expect(() => custom.register(madeUp('built-in'))).toThrow(conflict);
    expect(() => custom.replace(madeUp('built-in'))).toThrow(conflict);
    expect(() => custom.unregister('built-in')).toThrow(conflict);
    expect(() => custom.history('built-in')).toThrow(conflict);
    store.close();
  });

  it.each(['replace', 'unregister', 'history'] as const)(
    'cannot be reached by %s when there is none',
    (verb) => {
      const { custom, store } = open();
      const run = () => (verb === 'replace' ? custom.replace(madeUp('own')) : custom[verb]('own'));
      expect(run).toThrow(expect.objectContaining({ code: 'not-found' }));
      store.close();
    },
  );

  it('are not kept when they are not permitted or too large', () => {
    const { custom, catalogue, store } = open(() => {
      throw new Error('no');
    });
    expect(() => custom.register(madeUp('own'))).toThrow('no');
    expect(() => custom.register({ ...madeUp('own'), readme: 'x'.repeat(300 * 1024) })).toThrow(
      expect.objectContaining({ code: 'too-large' }),
    );
    expect([catalogue.find('own'), store.list()]).toEqual([undefined, []]);
    store.close();
  });

  it('that a newer Berth brings itself give way to its own', () => {
    const first = open();
    first.store.save(madeUp('built-in', { tags: ['mine'] }), 'registered');
    first.store.save({ slug: 'broken', document: { name: 'x' } as never, readme: '' }, 'registered');
    first.store.close();
    const second = open();
    expect(second.faults.sort()).toEqual(['broken', 'built-in']);
    expect(second.catalogue.get('built-in').custom).toBeUndefined();
    second.store.close();
  });

  it('have a history of a hundred changes at most', () => {
    const { custom, store } = open();
    custom.register(madeUp('own'));
    for (let change = 0; change < 120; change++) custom.replace(madeUp('own'));
    const history = custom.history('own');
    expect([history.length, history[0]?.revision, history.at(-1)?.revision]).toEqual([100, 121, 22]);
    store.close();
  });

  it('cannot be added where there is no place for them', () => {
    const custom = new CustomTemplates({ catalogue: new TemplateCatalogue([]), permit: () => {} });
    expect(() => custom.register(madeUp('own'))).toThrow(expect.objectContaining({ code: 'not-allowed' }));
  });
});
