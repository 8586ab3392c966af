/** Packages from the registries, tried before they are trusted; in a sandbox where there is bubblewrap. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseInspection } from '../../src/inspection/inspection-spec.ts';
import { Inspector } from '../../src/inspection/inspector.ts';
import { createInspectionHost } from '../../src/runtimes/inspection/observe.ts';
import { createRemotePolicy } from '../../src/servers/remote-policy.ts';
import { planServer } from '../../src/servers/server-plan.ts';
import { parseServerSpec } from '../../src/servers/server-spec.ts';
import { SqliteTemplateStore } from '../../src/store/template-store.ts';
import { findSandbox } from '../../src/supervisor/sandbox/bubblewrap.ts';
import { DEFAULT_LIMITS } from '../../src/supervisor/server-definition.ts';
import { loadCatalogue } from '../../src/templates/catalogue.ts';
import { CustomTemplates } from '../../src/templates/custom-templates.ts';
import { readDocument } from '../../src/templates/template.ts';
import { TEMPLATES } from '../servers/doubles.ts';
import { spawnOptions, table } from '../support/local-process.ts';
import { testPackages } from '../support/trees.ts';

const found = await findSandbox();
const contained = 'sandbox' in found;
const INSTALL_MS = 300_000;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-inspect-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function start() {
  const templates = await loadCatalogue(TEMPLATES);
  const packages = testPackages();
  const { owner } = spawnOptions();
  const rules = { templates, allow: { npm: true, pypi: true, remote: true }, remote: createRemotePolicy([]) };
  const inspector = new Inspector({
    ...{ packages, rules, folder },
    host: createInspectionHost({ owner, table, limits: DEFAULT_LIMITS }),
    info: () => Promise.reject(new Error('no registry is asked')),
  });
  const custom = new CustomTemplates({
    catalogue: templates,
    store: new SqliteTemplateStore(':memory:'),
    permit: () => {},
  });
  return { inspector, packages, rules, custom };
}

const CASES = [
  { reference: { template: 'everything' }, tool: 'echo', engine: /^Node / },
  { reference: { source: { pypi: { name: 'mcp-server-time' } } }, tool: 'convert_time', engine: /^Python 3/ },
];

describe.each([true, ...(contained ? [false] : [])])(
  'the real thing (unsafe: %s; in a sandbox where there is bubblewrap)',
  (unsafe) => {
    it.each(CASES)(
      'tries $reference, and makes a template of it that can be run',
      async ({ reference, tool, engine }) => {
        const { inspector, packages, rules, custom } = await start();
        const { report, pinned } = await inspector.inspect(
          parseInspection({ ...reference, unsafe, slug: 'tried' }),
        );
        expect(report.failure).toBeUndefined();
        expect(report.tools).toEqual(expect.arrayContaining([expect.objectContaining({ name: tool })]));
        expect(report.engine.used).toMatch(engine);
        expect(report.server?.eras).toContain('legacy');
        expect(report.peakMemoryBytes).toBeGreaterThan(20 * 1024 ** 2);
        expect(report.sandbox.kind).toBe(unsafe ? 'none' : 'bubblewrap');
        custom.register(readDocument(pinned?.server));
        const plan = planServer(parseServerSpec({ template: 'tried' }), rules);
        if (plan.remote) throw new Error('it is no package');
        const { version } = report.package;
        expect(plan.source.version).toBe(version);
        expect(await packages.resolve(plan.source)).toMatchObject({ name: report.package.name, version });
        await inspector.close();
      },
      INSTALL_MS,
    );
  },
);
