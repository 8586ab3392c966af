/** The MCP registries of the settings, each with its mirror. */
import { BerthError } from '../errors.ts';
import {
  type MirrorInput,
  type MirrorStatus,
  RegistryMirror,
  type SyncRequest,
} from './mirror/registry-mirror.ts';
import type { SyncResult } from './mirror/sync.ts';

interface Registry {
  /** Of the provider. */
  readonly name: string;
  readonly url: URL;
  readonly mirror: RegistryMirror;
}

export interface RegistryStatus extends MirrorStatus {
  readonly name: string;
  readonly url: string;
}

export class Registries {
  readonly all: readonly Registry[];
  readonly #closed = new AbortController();

  constructor({
    addresses,
    folder,
    now,
    wait,
  }: Pick<MirrorInput, 'folder' | 'now'> & {
    readonly addresses: readonly string[];
    readonly wait: MirrorInput['wait'];
  }) {
    this.all = addresses.map((address, at) => {
      const url = new URL(address);
      const name = at === 0 ? 'mcp-registry' : `mcp-registry-${at + 1}`;
      return { name, url, mirror: new RegistryMirror({ folder, url, now, ...(wait && { wait }) }) };
    });
  }

  async list(): Promise<RegistryStatus[]> {
    return await Promise.all(
      this.all.map(async ({ name, url, mirror }) => ({ name, url: url.href, ...(await mirror.status()) })),
    );
  }

  /** Rejects with `not-found`, and as {@link RegistryMirror.sync} does. */
  async sync(name: string, { signal, ...request }: SyncRequest): Promise<SyncResult> {
    const found = this.all.find((one) => one.name === name);
    if (!found)
      throw new BerthError('not-found', `there is no MCP registry ${JSON.stringify(name)}`, {
        hint:
          this.all.length === 0
            ? 'Name its address in the setting search.registries, and start the gateway again.'
            : `There are: ${this.all.map((one) => one.name).join(', ')}.`,
      });
    return await found.mirror.sync({ ...request, signal: AbortSignal.any([signal, this.#closed.signal]) });
  }

  /** Ends what is under way. */
  close(): void {
    this.#closed.abort(new BerthError('busy', 'the gateway stops'));
  }
}
