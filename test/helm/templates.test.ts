/** What can be said of the templates without helm. */
import { describe, expect, it } from 'vitest';
import { readPage, table, withSection } from '../docs/pages.ts';
import { ROLES, readChart, rulesOf, templatePaths } from './chart-files.ts';

const manifests = templatePaths().filter((path) => path.endsWith('.yaml'));

describe('the templates', () => {
  it('hold one object each; the bindings of the policies are one of a kind', () => {
    const several = manifests.filter((path) => (readChart(path).match(/^kind: /gm) ?? []).length > 1);
    expect(several).toEqual([]);
  });

  it('give no right in the whole cluster', () => {
    expect(manifests.filter((path) => /kind: ClusterRole/.test(readChart(path)))).toEqual([]);
  });

  it('never hold a key', () => {
    const secrets = manifests.filter((path) => /^kind: Secret$/m.test(readChart(path)));
    expect(secrets).toEqual(['templates/gateway/secret.yaml']);
    for (const path of secrets) expect(readChart(path)).toMatch(/randAlphaNum 43/);
  });

  it('let the load balancers turn away before the drain begins', () => {
    expect(readChart('templates/gateway/deployment.yaml')).toMatch(/preStop: \{sleep:/);
  });
});

describe('the rights', () => {
  const rules = ROLES.flatMap(({ account, where, path }) =>
    rulesOf(path).map((rule) => ({ account, where, ...rule })),
  );

  it('never patch a Secret, and read none but their own keys', () => {
    const secrets = rules.filter(({ resources }) => resources.includes('secrets'));
    expect(secrets.length).toBeGreaterThan(2);
    expect(secrets.filter(({ verbs }) => verbs.includes('patch'))).toEqual([]);
    const reading = secrets.filter(({ verbs }) =>
      verbs.some((verb) => ['get', 'list', 'watch'].includes(verb)),
    );
    expect(reading.map(({ resourceNames }) => resourceNames)).toEqual([
      ['<release>-keys', '<release>-trees-key'],
      ['<release>-link-ca', '<release>-link-client'],
    ]);
  });

  it('renew certificates of links only where links go over the network, and exec only where some may not', () => {
    const role = readChart('templates/controller/role.yaml');
    expect(role).toMatch(/include "berth\.network" \. \}\}\n[^{]*verbs: \[update\]\n {2}\{\{- end/);
    expect(readChart('templates/controller/role-release.yaml')).toMatch(
      /include "berth\.network" \. \}\}\n.*?link-client\]\n {4}verbs: \[get, update\]\n {2}\{\{- end/s,
    );
    for (const path of ['templates/controller/role.yaml', 'templates/gateway/role.yaml'])
      expect(readChart(path)).toMatch(/include "berth\.exec" \. \}\}\n[^{]*pods\/exec[^{]*\{\{- end/);
  });

  it('use no wildcard', () => {
    const all = rules.flatMap(({ apiGroups, resources, verbs }) => [...apiGroups, ...resources, ...verbs]);
    expect(all).not.toContain('*');
  });

  it('reach no attach, port-forward, ephemeral container, node or role', () => {
    const named = rules.flatMap(({ resources }) => resources);
    expect(
      named.filter((name) => /attach|portforward|ephemeral|nodes|roles|bindings|token/.test(name)),
    ).toEqual([]);
  });

  it('read logs only where a value says so', () => {
    const reading = ROLES.filter(({ path }) => readChart(path).includes('pods/log')).map(({ path }) => path);
    expect(reading).toEqual(['templates/gateway/role.yaml']);
    expect(readChart('templates/gateway/role.yaml')).toMatch(
      /if \.Values\.rbac\.podLogs \}\}\n[^{]*pods\/log[^{]*\{\{- end/,
    );
  });

  it('are in the documentation', async () => {
    const rows = rules.map(({ account, where, apiGroups, resources, resourceNames = [], verbs }) => [
      account,
      where,
      resources.map((name) => `\`${name}\``).join(', '),
      apiGroups.map((group) => group || 'core').join(', '),
      resourceNames.map((name) => `\`${name}\``).join(', '),
      verbs.join(', '),
    ]);
    const head = ['account', 'namespace', 'objects', 'API group', 'only those named', 'verbs'];
    const page = withSection(readPage('docs/kubernetes.md'), 'rights', table(head, rows));
    await expect(page).toMatchFileSnapshot('../../docs/kubernetes.md');
  });
});
