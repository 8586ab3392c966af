import { expect, it } from 'vitest';
import { ADMISSION_POLICIES } from '../../src/cluster/doctor/release-checks.ts';
import { RIGHTS } from '../../src/cluster/doctor/rights.ts';
import { ROLES, readChart, rulesOf, templatePaths } from './chart-files.ts';

const line = (
  where: string,
  group: string,
  resource: string,
  { name = '', verbs }: { readonly name?: string; readonly verbs: readonly string[] },
): string => `${where} ${group}/${resource} [${name}] ${[...verbs].sort().join(' ')}`;

it.each(['gateway', 'controller'] as const)(
  'the doctor asks for the rights that the chart gives the %s',
  (account) => {
    const granted = ROLES.filter((role) => role.account === account).flatMap(({ where, path }) =>
      rulesOf(path).flatMap(({ apiGroups, resources, resourceNames = [], verbs }) =>
        apiGroups.flatMap((group) =>
          resources.flatMap((resource) =>
            (resourceNames.length > 0 ? resourceNames : ['']).map((name) =>
              line(where, group, resource, { name, verbs }),
            ),
          ),
        ),
      ),
    );
    const asked = RIGHTS[account].map(({ where, group, resource, ...right }) =>
      line(where, group, resource, right),
    );
    expect(asked.sort()).toEqual(granted.sort());
  },
);

it('the doctor looks for the admission policies that the chart makes, and for the binding of each', () => {
  const made = templatePaths()
    .map((path) => /^templates\/admission\/(.*)\.yaml$/.exec(path)?.[1])
    .filter((name) => name !== undefined && name !== 'bindings');
  const [, bound = ''] =
    /range list ((?:"[^"]+" ?)+)/.exec(readChart('templates/admission/bindings.yaml')) ?? [];
  expect([...ADMISSION_POLICIES].sort()).toEqual(made);
  expect([...ADMISSION_POLICIES].sort()).toEqual(
    [...bound.matchAll(/"([^"]+)"/g)].map(([, name]) => name).sort(),
  );
});
