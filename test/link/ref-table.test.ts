import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RefTable } from '../../src/link/ref-table.ts';

interface Thing {
  readonly ref: number;
  readonly name: string;
}

const STEP = fc.oneof(
  fc.record({ add: fc.nat({ max: 300 }), name: fc.string() }),
  fc.record({ delete: fc.nat({ max: 300 }) }),
);

it('holds what a map would hold, whatever comes and goes', () => {
  fc.assert(
    fc.property(fc.array(STEP, { maxLength: 400 }), (steps) => {
      const table = new RefTable<Thing>();
      const model = new Map<number, Thing>();
      for (const step of steps) {
        if ('add' in step) {
          const thing = { ref: step.add, name: step.name };
          table.add(thing);
          model.set(thing.ref, thing);
        } else {
          table.delete(step.delete);
          model.delete(step.delete);
        }
        expect(table.size).toBe(model.size);
      }
      for (let ref = 0; ref <= 300; ref++) expect(table.get(ref)).toBe(model.get(ref));
      expect(table.values).toEqual([...model.values()].sort((a, b) => a.ref - b.ref));
    }),
  );
});

it('keeps those that stay while thousands come and go', () => {
  const table = new RefTable<Thing>();
  for (const ref of [1, 2, 65]) table.add({ ref, name: `stays ${ref}` });
  for (let ref = 100; ref < 10_000; ref++) {
    table.add({ ref, name: 'goes' });
    if (ref >= 116) table.delete(ref - 16);
  }
  expect(table.values.slice(0, 3).map(({ name }) => name)).toEqual(['stays 1', 'stays 2', 'stays 65']);
  expect(table.size).toBe(3 + 16);
});

it('may be emptied while it is gone through', () => {
  const table = new RefTable<Thing>();
  for (let ref = 1; ref <= 100; ref++) table.add({ ref, name: '' });
  for (const { ref } of table.values) table.delete(ref);
  expect([table.size, table.values]).toEqual([0, []]);
});
