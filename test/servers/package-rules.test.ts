/** Lists of packages hold at the door: for what is typed, for templates, and for what was there before. */
import { expect, it } from 'vitest';
import type { PackageRules } from '../../src/packages/package-rules.ts';
import { parseServerSpec } from '../../src/servers/server-spec.ts';
import { createFixture } from './doubles.ts';

const rules = (more: Partial<PackageRules>): { packageRules: PackageRules } => ({
  packageRules: { allow: [], block: [], npmSignatures: 'offered', ...more },
});
const everything = '@modelcontextprotocol/server-everything';
const npm = (name: string, version?: string) =>
  parseServerSpec({ name: 'one', source: { npm: { name, ...(version !== undefined && { version }) } } });

it('a package that is not let in is refused before anything is done, whoever asks for it', async () => {
  const { manager, packages } = await createFixture(rules({ allow: ['npm:@modelcontextprotocol/*'] }));
  await expect(manager.run(npm('some-package'))).rejects.toMatchObject({
    code: 'not-allowed',
    hint: expect.stringContaining('packages.allow'),
  });
  await expect(manager.run(parseServerSpec({ template: 'time' }))).rejects.toMatchObject({
    code: 'not-allowed',
  });
  expect(packages.resolved).toEqual([]);
  await manager.run(npm(everything), { wait: true });
  expect(manager.get('one').status.state).toBe('running');
});

it('a version is refused by its number, a range only when it is known what it leads to', async () => {
  const { manager } = await createFixture(rules({ block: [`npm:${everything}@1.2.3`] }));
  await expect(manager.run(npm(everything, '1.2.3'))).rejects.toMatchObject({
    code: 'not-allowed',
    message: expect.stringContaining('packages.block'),
  });
  await manager.run(npm(everything, '^1.0.0'));
  expect(manager.get('one').name).toBe('one');
});
