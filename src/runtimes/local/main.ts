/** Composition of one machine: its data folder, the host of its processes, its packages, and what manages servers there. */
import { constants } from 'node:fs';
import { access, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openKeyRing } from '../../auth/key-ring.ts';
import type { Sealer } from '../../auth/seal.ts';
import { SecretStore } from '../../auth/secret-store.ts';
import { systemClock } from '../../clock.ts';
import { BerthError } from '../../errors.ts';
import { Groups } from '../../groups/groups.ts';
import { Inspector } from '../../inspection/inspector.ts';
import { createInProcessLink } from '../../link/in-process.ts';
import type { Log } from '../../log/log.ts';
import { Logins } from '../../logins/logins.ts';
import { createHostSource } from '../../metrics/host-metrics.ts';
import { createServerSource, createStartSource } from '../../metrics/server-metrics.ts';
import type { Packages } from '../../packages/package.ts';
import { createPackages } from '../../packages/packages.ts';
import { lookAt } from '../../servers/component.ts';
import { createRemotePolicy } from '../../servers/remote-policy.ts';
import { systemSecrets } from '../../servers/secret-reference.ts';
import { ServerManager } from '../../servers/server-manager.ts';
import { logStates } from '../../servers/state-log.ts';
import { checkTemplateRights } from '../../servers/template-gate.ts';
import { UsageRecorder } from '../../servers/usage-recorder.ts';
import type { Settings } from '../../settings/schema.ts';
import { SqliteGroupStore } from '../../store/group-store.ts';
import { SqliteServerStore } from '../../store/server-store.ts';
import { SqliteTemplateStore } from '../../store/template-store.ts';
import { type DataFolderLock, lockDataFolder } from '../../supervisor/data-folder.ts';
import { createLimiter, type Limiter } from '../../supervisor/limits/limiter.ts';
import { createProcessTable, type ProcessTable } from '../../supervisor/process-table.ts';
import {
  type FindLack,
  outOfMemoryText,
  type Resource,
  type ResourceLimits,
} from '../../supervisor/resource-limits.ts';
import { DEFAULT_LIMITS } from '../../supervisor/server-definition.ts';
import { sweepOrphans } from '../../supervisor/sweep.ts';
import type { TemplateCatalogue } from '../../templates/catalogue.ts';
import { CustomTemplates } from '../../templates/custom-templates.ts';
import { programVersion } from '../../version.ts';
import { createInspectionHost } from '../inspection/observe.ts';
import { createLocalHost, type LocalHost, type LocalHostOptions } from '../local-host.ts';
import type { Runtime } from '../runtime.ts';

const LOCAL_REPLICA = 'local';
/** Milliseconds between looks at installed packages that nobody uses any more. */
const COLLECT_EVERY = 6 * 60 * 60_000;

export interface RuntimeInput {
  readonly settings: Settings;
  readonly log: Log;
  readonly templates: TemplateCatalogue;
  readonly sealer: Sealer;
  /** Known once the gateway listens. */
  readonly publicUrl: () => string;
  /** The same for programs of this machine. */
  readonly localUrl: () => string;
  /** Steps of the end, taken in reverse. */
  readonly undo: (step: () => Promise<void> | void) => void;
}

/** Locks the data folder and opens everything in it; starts nothing before the gateway listens. */
export async function openLocalRuntime(input: RuntimeInput): Promise<Runtime> {
  const { settings, log, templates, sealer, publicUrl, localUrl, undo } = input;
  const remote = createRemotePolicy(settings.remote.allowedHosts);
  const logins = new Logins({ folder: join(settings.dataDir, 'logins'), policy: remote });
  const secrets = new SecretStore(join(settings.dataDir, 'secrets'));
  const { host, lock, table, limiter } = await openHost(input, { remote, logins });
  sealer.setKeys(openKeyRing(settings.dataDir).keys);
  const store = new SqliteServerStore(join(settings.dataDir, 'berth.sqlite'), (error) =>
    log.error({ error }, 'a health check could not be kept'),
  );
  undo(() => store.close());
  const usage = new UsageRecorder({
    host,
    store: store.usage,
    clock: systemClock,
    keepDays: settings.usage.keepDays,
    onError: (error) => log.error({ error }, 'the use of servers could not be recorded'),
  });
  undo(() => usage.close());
  const custom = openCustomTemplates(input);
  const packages = createPackages({
    dataDir: settings.dataDir,
    rules: settings.packages,
    silence: settings.packages.registrySilence,
  });
  const manager = new ServerManager({
    packages,
    host,
    store,
    checks: store.checks,
    templates,
    usage,
    publicUrl,
    homes: join(settings.dataDir, 'homes'),
    allow: settings.allow,
    packageRules: settings.packages,
    remote,
    secrets: { ...systemSecrets, stored: (name) => secrets.value(name) },
    onRemoved: (id) => logins.forget(id),
    limits: settings.limits,
    resources: resourcesOf(settings, limiter.lack),
    findLack: limiter.lack,
    maxServers: settings.limits.servers,
    parallelStarts: settings.limits.parallelStarts,
    health: settings.health,
    onDegraded: ({ name }, failure) =>
      log.warn({ server: name, code: failure.code }, `health checks fail: ${failure.message}`),
  });
  undo(() => manager.close());
  undo(logStates(manager, log));
  const link = createInProcessLink(host.supervisor);
  const groups = new SqliteGroupStore(join(settings.dataDir, 'groups.sqlite'));
  undo(() => groups.close());
  const folder = join(settings.dataDir, 'inspections');
  // What a killed gateway has left behind.
  await rm(folder, { recursive: true, force: true });
  return {
    servers: manager,
    custom,
    logins,
    secrets,
    groups: new Groups(groups),
    inspections: (info) => {
      const inspector = new Inspector({
        ...{ packages, info, folder },
        rules: { templates, allow: settings.allow, remote, packages: settings.packages },
        host: createInspectionHost({
          owner: lock.owner,
          table,
          limits: { ...DEFAULT_LIMITS, ...settings.limits },
        }),
      });
      undo(() => inspector.close());
      return inspector;
    },
    directory: manager,
    router: {
      route: () => ({ replica: LOCAL_REPLICA, link }),
      replica: (_server, replica) => (replica === LOCAL_REPLICA ? link : undefined),
    },
    ready: () => true,
    begin: async () => {
      await manager.restore();
      logins.keepOnly(new Set(manager.list().map(({ id }) => id)));
      await lock.announce({
        url: publicUrl(),
        localUrl: localUrl(),
        version: programVersion(),
        since: new Date().toISOString(),
      });
      undo(collectTrees(packages, manager, { settings, log }));
    },
    drain: 0,
    metrics: [
      createHostSource(host),
      createServerSource(() => manager.census()),
      createStartSource(manager.starts),
    ],
    check: () =>
      Promise.all([
        lookAt('store', () => store.list()),
        lookAt('data-folder', () => access(settings.dataDir, constants.R_OK | constants.W_OK)),
      ]),
  };
}

/** Templates that people have added, in the catalogue before any server is restored. */
function openCustomTemplates({ settings, log, templates, undo }: RuntimeInput): CustomTemplates {
  const store = new SqliteTemplateStore(join(settings.dataDir, 'templates.sqlite'));
  undo(() => store.close());
  const remote = createRemotePolicy(settings.remote.allowedHosts);
  const { allow, packages } = settings;
  return new CustomTemplates({
    catalogue: templates,
    store,
    permit: (template) => checkTemplateRights(template, { allow, remote, packages }),
    onFault: (slug, error) => log.warn({ slug, error }, 'a template of your own was left out'),
  });
}

/** Ends what a killed gateway left behind, and opens the place where processes run. */
async function openHost(
  { settings, log, undo }: RuntimeInput,
  remote: Required<Pick<LocalHostOptions, 'remote' | 'logins'>>,
): Promise<{ host: LocalHost; lock: DataFolderLock; table: ProcessTable; limiter: Limiter }> {
  const table = createProcessTable();
  const lock = await lockDataFolder(settings.dataDir, table);
  undo(() => lock.close());
  const swept = await sweepOrphans(lock.owner.folder, {
    table,
    clock: systemClock,
    termMs: settings.limits.termGrace,
  });
  if (swept.length > 0)
    log.warn({ processes: swept.length }, 'ended processes that a killed gateway had left');
  const record = join(settings.dataDir, 'control-groups.json');
  const limiter = await createLimiter({ owner: lock.owner, table, record });
  await limiter.sweep();
  const host = createLocalHost({
    ...{ owner: lock.owner, table, limiter, ...remote },
    onOutOfMemory: ({ name }, pid, how) =>
      log.warn({ server: name, pid, ...how }, `a process ran ${outOfMemoryText(how)}`),
  });
  undo(() => host.close());
  return { host, lock, table, limiter };
}

/** What holds for servers that say nothing. Throws `bad-setting` for a limit that this machine cannot set. */
function resourcesOf({ resources: { memory, cpu } }: Settings, findLack: FindLack): ResourceLimits {
  for (const [resource, given] of Object.entries({ memory, cpu }) as [Resource, number | undefined][]) {
    const lack = given === undefined ? undefined : findLack(resource);
    if (!lack) continue;
    const key = `resources.${resource}`;
    throw new BerthError('bad-setting', `setting ${key} cannot be kept here: ${lack.reason}`, {
      fields: [{ pointer: key, detail: lack.reason }],
      hint: `${lack.fix} Or leave the setting out.`,
    });
  }
  return {
    ...(memory !== undefined && { memoryBytes: memory }),
    ...(cpu !== undefined && { cpuMillis: cpu }),
  };
}

/** Removes packages that no server names, now and then; returns how to stop it. */
function collectTrees(
  packages: Packages,
  manager: ServerManager,
  { settings, log }: Pick<RuntimeInput, 'settings' | 'log'>,
): () => void {
  const collect = (): void => {
    packages.collect({ keep: manager.treeKeys(), ...settings.trees }).then(
      ({ removed, bytes }) =>
        removed.length > 0 && log.info({ removed: removed.length, bytes }, 'removed unused packages'),
      (error: unknown) => log.error({ error }, 'unused packages could not be removed'),
    );
  };
  collect();
  return systemClock.every(COLLECT_EVERY, collect);
}
