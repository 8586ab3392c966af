/** The Job that installs one package tree and puts it into berth-trees: it can reach registries, and sees no secret of the server. */
import type { PackageSource } from '../../packages/package.ts';
import { JOBS, type KubeObject, type ObjectMeta, typed } from '../resources.ts';
import { type Owner, type PodSettings, treesUrl } from './blueprint.ts';
import { caEnv, caMounts, caVolumes } from './ca.ts';
import { ATTEMPT_LABEL, childName, INPUT_LABEL, installName, labelsOf, metaOf } from './naming.ts';
import { PLACE } from './places.ts';
import type { PodTemplate, Volume } from './pod-types.ts';
import { basePod, ownContainer } from './security.ts';

export interface Job extends KubeObject {
  readonly metadata: ObjectMeta;
  readonly spec: {
    readonly template: PodTemplate;
    readonly backoffLimit: 0;
    readonly activeDeadlineSeconds: number;
  };
  readonly status?: {
    /** Pods that failed or were taken away; absent without any. */
    readonly failed?: number;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason?: string;
      readonly message?: string;
      readonly lastTransitionTime?: string;
    }[];
  };
}

export interface InstallInput {
  readonly owner: Owner;
  readonly source: PackageSource;
  /** Hash of what makes two installations the same. */
  readonly input: string;
  /** From 0 on. */
  readonly attempt: number;
  /** It says as well whose signatures are on what it has installed. */
  readonly signatures?: boolean;
}

const GROUP_READABLE = 0o440;
const TOKEN_FOLDER = '/etc/berth';
const GRACE_SECONDS = 10;

export function installerJob(install: InstallInput, settings: PodSettings): Job {
  const { owner, input, attempt } = install;
  const name = installName(owner, input, attempt);
  const labels = {
    ...labelsOf(owner),
    'app.kubernetes.io/component': 'mcp-installer',
    [INPUT_LABEL]: input,
    [ATTEMPT_LABEL]: `${attempt}`,
  };
  return typed(JOBS, {
    metadata: metaOf(owner, name, { labels }),
    spec: {
      // The controller decides about another attempt: it can tell why this one failed.
      backoffLimit: 0 as const,
      activeDeadlineSeconds: settings.installSeconds,
      template: { metadata: { labels }, spec: podSpec(install, settings, name) },
    },
  });
}

function podSpec(
  { owner, source, signatures }: InstallInput,
  settings: PodSettings,
  name: string,
): PodTemplate['spec'] {
  const { treeSize, resources, installerEnv } = settings;
  return {
    ...basePod(childName(owner), settings),
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: GRACE_SECONDS,
    containers: [
      {
        ...ownContainer('installer', 'runner', settings),
        command: ['node', '/app/dist/installer/main.js'],
        env: [
          ...caEnv(settings),
          ...installerEnv,
          { name: 'HOME', value: PLACE.home },
          { name: 'TMPDIR', value: PLACE.tmp },
          { name: 'BERTH_INSTALL_SOURCE', value: JSON.stringify(source) },
          { name: 'BERTH_INSTALL_FOLDER', value: PLACE.tree },
          { name: 'BERTH_INSTALL_WORK', value: PLACE.work },
          { name: 'BERTH_INSTALL_HOME', value: PLACE.home },
          ...(signatures ? [{ name: 'BERTH_INSTALL_SIGNATURES', value: 'true' }] : []),
          { name: 'BERTH_TREES_URL', value: treesUrl(settings) },
          { name: 'BERTH_TREES_TOKEN_FILE', value: `${TOKEN_FOLDER}/token` },
        ],
        resources: resources.installer,
        volumeMounts: [
          { name: 'tree', mountPath: PLACE.tree },
          { name: 'work', mountPath: PLACE.work },
          { name: 'home', mountPath: PLACE.home },
          { name: 'tmp', mountPath: PLACE.tmp },
          { name: 'token', mountPath: TOKEN_FOLDER, readOnly: true },
          ...caMounts(settings),
        ],
        terminationMessagePolicy: 'File',
      },
    ],
    volumes: [
      ...['tree', 'work', 'home', 'tmp'].map((name): Volume => ({ name, emptyDir: { sizeLimit: treeSize } })),
      { name: 'token', secret: { secretName: name, defaultMode: GROUP_READABLE } },
      ...caVolumes(settings),
    ],
  };
}
