/** What starts packages for an inspection, in memory. */
import type { PackageInfo } from '../../src/discovery/package-info.ts';
import type { BerthError } from '../../src/errors.ts';
import type { InspectionHost, Observation, TrialStart } from '../../src/inspection/host.ts';
import { Inspector, type InspectorOptions } from '../../src/inspection/inspector.ts';
import { createRemotePolicy } from '../../src/servers/remote-policy.ts';
import type { createFixture } from '../servers/doubles.ts';
import { REPORT } from '../servers/doubles.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

export class FakeInspections implements InspectionHost {
  readonly started: TrialStart[] = [];
  /** What {@link checkSandbox} rejects with. */
  missing: BerthError | undefined;
  hold: Promise<void> | undefined;
  observation: Observation = {
    report: { ...REPORT, eras: ['legacy', 'modern'] },
    offers: {
      tools: [
        { name: 'echo', description: 'Says it again.\nAnd again.', inputSchema: { type: 'object' } },
        { name: 'add', inputSchema: { type: 'object' } },
      ],
    },
    phases: [
      { phase: 'sandbox', ms: 120 },
      { phase: 'start', ms: 340 },
      { phase: 'list', ms: 12 },
    ],
    peakMemoryBytes: 80 * 1024 ** 2,
    written: { files: [{ path: '~/cache.db', bytes: 12 }], total: 1 },
    hosts: ['api.example.com'],
    stderr: ['started'],
  };

  async checkSandbox(): Promise<void> {
    if (this.missing) throw this.missing;
  }

  async observe(start: TrialStart): Promise<Observation> {
    this.started.push(start);
    if (this.hold)
      await Promise.race([
        this.hold,
        new Promise((_, reject) => start.signal.addEventListener('abort', () => reject(start.signal.reason))),
      ]);
    return this.observation;
  }

  async close(): Promise<void> {}
}

type Fixture = Awaited<ReturnType<typeof createFixture>>;

export function createInspector(
  { packages, templates }: Pick<Fixture, 'packages' | 'templates'>,
  more: Partial<InspectorOptions> = {},
) {
  const host = new FakeInspections();
  const folder = temporaryFolder('inspections');
  const inspector = new Inspector({
    ...{ packages, host, folder },
    rules: { templates, allow: { npm: true, pypi: true, remote: true }, remote: createRemotePolicy([]) },
    info: async () =>
      ({
        engines: { node: '>=22' },
        provenance: 'yes',
        integrity: 'sha512-abc',
        description: 'A server',
      }) as Partial<PackageInfo> as PackageInfo,
    ...more,
  });
  return { inspector, inspections: host, folder };
}
