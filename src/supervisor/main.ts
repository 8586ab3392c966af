/**
 * A supervisor as its own program: owns its servers' processes and sessions, and serves gateways on a unix socket, and over
 * the network where its configuration says so. Gateways come, go and are killed; sessions live on here.
 */
import { mkdirSync } from 'node:fs';
import type { Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { systemClock } from '../clock.ts';
import { BerthError, toBerthError } from '../errors.ts';
import { fetchTree } from '../installer/fetch.ts';
import { createLinkServer, type LinkServer } from '../link/link-server.ts';
import { listenUnixSocket } from '../link/unix-socket.ts';
import { createHostSource } from '../metrics/host-metrics.ts';
import { createMetrics } from '../metrics/metrics.ts';
import { openProbePort, type ProbePort } from '../metrics/probe-port.ts';
import { createProcessSource } from '../metrics/process-metrics.ts';
import { createLocalHost, type LocalHost } from '../runtimes/local-host.ts';
import { createPodServers, type PodServers } from '../runtimes/pod/pod-servers.ts';
import { createTrialHost } from '../runtimes/pod/trial-host.ts';
import type { StderrLine } from '../servers/host.ts';
import { createRemotePolicy } from '../servers/remote-policy.ts';
import { answerQuestion } from './answer-question.ts';
import { lockDataFolder } from './data-folder.ts';
import { readSupervisorConfig, type SupervisorConfig } from './definition-file.ts';
import { listenHandover } from './handover.ts';
import { LineOutput } from './line-output.ts';
import { listenNetworkLink } from './network-link.ts';
import type { StartProcess } from './process.ts';
import { createProcessTable } from './process-table.ts';
import type { SaidLine } from './said-line.ts';
import { spawnRemote } from './spawn-process.ts';
import { type SupervisorHealth, watchHealth } from './supervisor-health.ts';
import { sweepOrphans } from './sweep.ts';

export interface RunningSupervisor {
  /** Where gateways are served over the network, if they are. */
  readonly port?: number;
  /** Ends sessions (after the time that they have to end by themselves), processes and connections. Idempotent; `force` begins with SIGKILL. */
  close(options?: { readonly force: boolean }): Promise<void>;
}

/** Milliseconds between looks at what is left while draining. */
const DRAIN_LOOK = 250;

/** Serves the servers of the configuration at `config` on the unix socket `socket`. Rejects with what is wrong. */
export async function runSupervisor(options: {
  readonly socket: string;
  readonly config: string;
  /** Told of what servers say on standard error. */
  readonly onLine?: (server: string, line: StderrLine) => void;
}): Promise<RunningSupervisor> {
  const config = await readSupervisorConfig(options.config);
  const health = watchHealth(config, systemClock);
  try {
    return await serve(options, config, health);
  } catch (error) {
    health.close(toBerthError(error));
    throw error;
  }
}

async function serve(
  { socket, onLine }: Pick<Parameters<typeof runSupervisor>[0], 'socket' | 'onLine'>,
  config: SupervisorConfig,
  health: SupervisorHealth,
): Promise<RunningSupervisor> {
  const { dataDir, servers, spawn, drain } = config;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const table = createProcessTable();
  const lock = await lockDataFolder(dataDir, table);
  const start =
    spawn && ((...[launch, how]: Parameters<StartProcess>) => spawnRemote(launch, { ...how, ...spawn }));
  const remote = createRemotePolicy(config.remote?.allowedHosts ?? []);
  const host = createLocalHost({
    ...{ owner: lock.owner, table, remote, ...(start && { start }) },
    ...(onLine && { onLine }),
  });
  const trials = spawn && createTrialHost(spawn);
  let pod: PodServers | undefined;
  let links: LinkServer | undefined;
  const end = async (force: boolean): Promise<void> => {
    pod?.close();
    await trials?.close();
    await host.close({ force });
    await links?.close();
    await lock.close();
  };
  try {
    await sweepOrphans(lock.owner.folder, { table, clock: systemClock });
    const bring = (tree: { readonly url: string; readonly into: string }): Promise<void> =>
      fetchTree({ ...tree, state: dataDir });
    const served = createPodServers({
      ...{ host, servers, bring, changed: () => health.changed() },
      ...(trials && { trials }),
    });
    pod = served;
    const link = createLinkServer(served, { answer: (question) => answerQuestion(served, question) });
    links = link;
    const accept = (stream: Duplex): void => link.serve(stream);
    const network =
      config.link && (await listenNetworkLink({ ...config.link, accept, clock: systemClock, say }));
    const listening: Server[] = [];
    try {
      // First, so that nobody who finds the link finds no handover.
      listening.push(await listenHandover(socket, accept));
      listening.push(await listenUnixSocket(socket, accept));
    } catch (error) {
      for (const listener of listening) listener.close();
      await network?.close();
      throw error;
    }
    health.serving(served);
    const metrics = await serveMetrics(config, host, health);
    return {
      ...(network && { port: network.port }),
      close: async ({ force } = { force: false }) => {
        health.draining();
        served.draining();
        for (const { id } of servers) host.supervisor.endListens(id);
        if (!force) await drained(served, servers, drain);
        link.leave();
        for (const listener of listening) listener.close();
        await network?.close();
        await end(force);
        await metrics?.close();
        health.close();
      },
    };
  } catch (error) {
    await end(true);
    throw error;
  }
}

/** A port that the server itself has taken is no reason not to serve it: then there are no metrics. */
async function serveMetrics(
  { metricsPort: port }: SupervisorConfig,
  host: LocalHost,
  health: SupervisorHealth,
): Promise<ProbePort | undefined> {
  if (port === undefined) return undefined;
  const metrics = createMetrics({ sources: [createHostSource(host), createProcessSource()] });
  try {
    return await openProbePort({ port, ready: () => health.ready, metrics });
  } catch (error) {
    process.stderr.write(`${JSON.stringify({ error: toBerthError(error).message })}\n`);
    return undefined;
  }
}

/** What servers say on standard error, in the log of the container: theirs has nothing of it, as the supervisor has both its ends. */
function logLines(): (server: string, line: StderrLine) => void {
  const lineOf = (at: number, rest: object): string =>
    JSON.stringify({ time: new Date(at).toISOString(), ...rest });
  const output = new LineOutput({
    fd: process.stdout.fd,
    leftOut: (lines) => lineOf(Date.now(), { error: `${lines} lines were left out: nobody reads this log` }),
  });
  return (_server, { at, pid, text }) => output.add(lineOf(at, { pid, stderr: text } satisfies SaidLine));
}

/** One line for the log of the container. */
function say(line: Readonly<Record<string, string>>): void {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), ...line })}\n`);
}

/** Gateways may come and go meanwhile; resolves when nothing is used any more, or the time is up. */
async function drained(served: PodServers, servers: SupervisorConfig['servers'], ms: number): Promise<void> {
  const isUsed = (): boolean => servers.some(({ id }) => served.isUsed(id));
  const end = systemClock.now() + ms;
  while (systemClock.now() < end && isUsed()) await sleep(DRAIN_LOOK);
}

/** Runs until SIGTERM or SIGINT; a second signal hurries. */
async function main(): Promise<void> {
  const { socket, config } = readArguments();
  const running = await runSupervisor({ socket, config, onLine: logLines() });
  let signals = 0;
  const stop = (): void => {
    signals++;
    void running.close({ force: signals > 1 }).then(() => process.exit(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  const { port } = running;
  process.stdout.write(`${JSON.stringify({ ready: true, socket, ...(port !== undefined && { port }) })}\n`);
}

function readArguments(): { readonly socket: string; readonly config: string } {
  const { values } = parseArgs({ options: { socket: { type: 'string' }, config: { type: 'string' } } });
  const { socket, config } = values;
  if (socket === undefined || config === undefined)
    throw new BerthError('bad-setting', 'usage: --socket PATH --config FILE');
  return { socket, config };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  main().catch((thrown: unknown) => {
    const { message, hint, details } = toBerthError(thrown);
    process.stderr.write(`${JSON.stringify({ error: message, hint, fields: details.fields })}\n`);
    process.exit(1);
  });
}
