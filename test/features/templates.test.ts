/** Templates whose servers need a key or a browser to do anything: each installs, starts and lists what its entry says. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadCatalogue, type TemplateCatalogue } from '../../src/templates/catalogue.ts';
import { fillTemplate } from '../../src/templates/fill-template.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { session } from '../support/transports.ts';
import { testPackages } from '../support/trees.ts';

const INSTALL_MS = 300_000;
/** Values that have the right form and open nothing. */
const SECRETS = {
  'brave-search': { BRAVE_API_KEY: 'no-key' },
  github: { GITHUB_PERSONAL_ACCESS_TOKEN: 'no-token' },
  playwright: {},
} satisfies Record<string, Record<string, string>>;

let folder: string;
let catalogue: TemplateCatalogue;
let gateway: TestGateway | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-templates-'));
  catalogue = await loadCatalogue(new URL('../../registry-templates/', import.meta.url).pathname);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it.each(Object.entries(SECRETS))(
  '%s starts and lists the tools of its entry',
  async (slug, secrets) => {
    const template = catalogue.get(slug);
    const plan = fillTemplate(template, { args: [], env: {}, secretNames: Object.keys(secrets) });
    const packages = testPackages();
    const tree = await packages.install(await packages.resolve(plan.source));
    const launch = packages.launch(tree, {
      args: plan.args,
      env: { ...plan.env, ...secrets },
      home: join(folder, slug),
    });
    gateway = await startGateway({ servers: [{ name: slug, launch }] });
    try {
      const client = await session('streamable-http', gateway.url(slug));
      const { message } = await client.request('1', 'tools/list');
      const { tools } = message.result as { tools: { name: string }[] };
      const names = tools.map(({ name }) => name);
      expect(names).toEqual(expect.arrayContaining(template.extras.tools.map(({ name }) => name)));
      await client.close();
    } finally {
      await gateway.close();
    }
  },
  INSTALL_MS,
);
