/** The leader's work: watches servers and their children, and sees to each server whenever something about it has changed. */
import type { Cancel, Clock } from '../clock.ts';
import { inspectionOf } from '../cluster/inspection.ts';
import type { McpServer } from '../cluster/mcp-server.ts';
import { SERVER_LABEL, UID_LABEL } from '../cluster/objects/naming.ts';
import { type KubeObject, MCP_SERVERS } from '../cluster/resources.ts';
import { toBerthError } from '../errors.ts';
import type { Log } from '../log/log.ts';
import { type ChildView, observe } from './cluster-api.ts';
import type { ControllerCount } from './controller-count.ts';
import { EventRecorder } from './event-recorder.ts';
import { LostReplicas } from './lost-replicas.ts';
import { type ReconcileTools, reconcile } from './reconcile.ts';
import { RemovedReplicas } from './removed-replicas.ts';
import { StatusWriter, WRITE_EVERY } from './status-writer.ts';
import { createWorkQueue, type QueueLengths, type WorkQueue } from './work-queue.ts';

/** What is seen of the cluster, kept up to date by somebody else. */
export interface ClusterPicture extends ChildView {
  server(name: string): McpServer | undefined;
  readonly servers: readonly McpServer[];
}

export interface ControllerOptions {
  readonly picture: ClusterPicture;
  readonly tools: ReconcileTools;
  readonly clock: Clock;
  readonly log: Log;
  /** Of this run. */
  readonly instance: string;
  /** Checked before anything is written. */
  readonly leads: () => boolean;
  readonly count?: ControllerCount;
}

/** Milliseconds after which every server is looked at, whether something was seen to change or not. */
const RESYNC = 10 * 60_000;

export class Controller {
  readonly #options: ControllerOptions;
  readonly #queue: WorkQueue;
  readonly #writer: StatusWriter;
  readonly #events: EventRecorder;
  readonly #lost: LostReplicas;
  readonly #removed: RemovedReplicas;
  readonly #timers: readonly Cancel[];

  /** Begins at once with all servers. */
  constructor(options: ControllerOptions) {
    this.#options = options;
    const { clock, tools, log, instance } = options;
    this.#writer = new StatusWriter({
      api: tools.api,
      now: tools.now,
      onOlder: (members) =>
        log.warn(
          {
            members,
            hint: 'Upgrade the release that installs the definition, or install it with crds.install.',
          },
          'the definition of MCPServer in this cluster is older than this controller: statuses lack what it does not know',
        ),
    });
    this.#events = new EventRecorder({ api: tools.api, instance, now: tools.now });
    this.#lost = new LostReplicas({
      events: this.#events,
      now: tools.now,
      ...(tools.warnings && { warnings: tools.warnings }),
    });
    this.#removed = new RemovedReplicas({
      ...{ clock, again: (name) => this.#queue.add(name) },
      ...(tools.probe && { probe: tools.probe }),
    });
    this.#queue = createWorkQueue({
      clock,
      work: (name, signal) => this.#counted(name, signal),
      onFault: (server, thrown) =>
        log.warn({ server, err: thrown }, 'a server could not be seen to; it is tried again'),
    });
    this.#timers = [
      clock.every(RESYNC, () => this.#all()),
      ...(tools.probe ? [clock.every(WRITE_EVERY, () => this.#askReplicas())] : []),
    ];
    this.#all();
  }

  /** A server, or something that was made for one, is not as it was. Objects out of a list do not say what they are. */
  changed({ metadata }: KubeObject): void {
    const name = metadata.labels?.[SERVER_LABEL] ?? metadata.name;
    if (name === undefined) return;
    this.#queue.add(name);
    // What waits for it may go on.
    for (const { spec, metadata: other } of this.#options.picture.servers)
      if (spec.dependencies?.some((one) => one.name === name)) this.#queue.add(other.name ?? '');
  }

  /** Something that all servers depend on has changed. */
  allChanged(): void {
    this.#all();
  }

  /** Resolves when nothing is written any more. Idempotent. */
  async close(): Promise<void> {
    for (const stop of this.#timers) stop();
    this.#removed.close();
    await this.#queue.close();
  }

  get queue(): QueueLengths {
    return this.#queue.lengths;
  }

  async #counted(name: string, signal: AbortSignal): Promise<number | undefined> {
    const { clock, count } = this.#options;
    const begun = clock.now();
    try {
      const again = await this.#look(name, signal);
      if (count) count.done++;
      return again;
    } catch (error) {
      if (count && !signal.aborted) count.failed++;
      throw error;
    } finally {
      count?.durations.observe((clock.now() - begun) / 1_000);
    }
  }

  #all(): void {
    for (const { metadata } of this.#options.picture.servers) this.#queue.add(metadata.name ?? '');
  }

  #askReplicas(): void {
    const { servers, pods } = this.#options.picture;
    const there = new Set(pods.map(({ metadata }) => metadata.labels?.[UID_LABEL]));
    // Those that are being ended still have something to tell.
    for (const { metadata } of servers) if (there.has(metadata.uid)) this.#queue.add(metadata.name ?? '');
  }

  async #look(name: string, signal: AbortSignal): Promise<number | undefined> {
    const { picture, tools, leads } = this.#options;
    const server = picture.server(name);
    if (!server) this.#forget();
    if (leads()) this.#removed.tell(name, server?.metadata.uid, picture.pods);
    // What is being deleted is removed with its children by the cluster itself.
    if (!server || server.metadata.deletionTimestamp !== undefined || !leads()) return undefined;
    const left = timeLeft(server, tools.now());
    if (left !== undefined && left <= 0) return await this.#removeTried(server);
    const known = { ...server, ...withStatus(this.#writer.last(server)) };
    const observed = observe(picture, server.metadata.uid ?? '');
    const { status, again } = await reconcile(known, observed, { tools, signal });
    if (!leads() || signal.aborted) return undefined;
    await this.#said(this.#lost.tell(server, observed.lost, signal));
    const before = this.#writer.last(server) ?? server.status;
    const held = await this.#writer.write(server, status);
    if (held === undefined) await this.#said(this.#events.changed(server, before, status));
    return earliest(again, held, left);
  }

  /** Whoever had it tried is gone, or has given up. */
  async #removeTried({ metadata: { namespace, name = '' } }: McpServer): Promise<undefined> {
    this.#options.log.info({ server: name }, 'a package was tried for too long: it is removed');
    await this.#options.tools.api.remove(MCP_SERVERS, { namespace, name }, { propagation: 'Background' });
  }

  #forget(): void {
    const { servers } = this.#options.picture;
    this.#writer.keepOnly(servers);
    this.#lost.keepOnly(servers);
  }

  /** An event that cannot be written is no reason to do anything again. */
  async #said(saying: Promise<void>): Promise<void> {
    await saying.catch((thrown: unknown) => {
      this.#options.log.warn({ err: toBerthError(thrown) }, 'an event could not be written');
    });
  }
}

/** Milliseconds until a package that is only tried is removed; undefined for a server. */
function timeLeft(server: McpServer, now: number): number | undefined {
  const mark = inspectionOf(server);
  return mark && Date.parse(mark.until) - now;
}

function withStatus(status: McpServer['status']): Pick<McpServer, 'status'> {
  return status ? { status } : {};
}

function earliest(...given: readonly (number | undefined)[]): number | undefined {
  const all = given.filter((one) => one !== undefined);
  return all.length > 0 ? Math.min(...all) : undefined;
}
