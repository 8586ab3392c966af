/** What an installer says at its end has to fit. */
import { expect, it } from 'vitest';
import { successReport } from '../../src/installer/report.ts';
import type { InstalledPackage } from '../../src/packages/install-at.ts';

const installed = (forged: readonly string[]): InstalledPackage => ({
  resolved: {
    ...{ ecosystem: 'npm', name: 'some-server', version: '1.2.3' },
    ...{ allowInstallScripts: false, constraints: [] },
  },
  launch: { file: '/usr/local/bin/node', args: ['index.js'], env: {}, cwd: '/home/mcp' },
  signatures: { total: 300, verified: 2, forged },
});

it('says whose signatures are on a tree where somebody has looked', () => {
  expect(JSON.parse(successReport('d', installed(['bad@1.0.0'])))).toMatchObject({
    ...{ digest: 'd', package: { ecosystem: 'npm', name: 'some-server', version: '1.2.3' } },
    signatures: { total: 300, verified: 2, forged: ['bad@1.0.0'] },
  });
});

it('leaves out what there is no room for: it stays unknown', () => {
  const many = Array.from({ length: 300 }, (_, index) => `some-package-${index}@1.0.0`);
  const text = successReport('d', installed(many));
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4_096);
  expect(JSON.parse(text).signatures).toBeUndefined();
});
