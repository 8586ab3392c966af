/** Bytes of a server's processes, read off their channels when somebody asks. */
import type { LocalProcess } from './process.ts';

export interface ByteUsage {
  readonly bytesToServer: number;
  readonly bytesFromServer: number;
}

const NONE: ByteUsage = { bytesToServer: 0, bytesFromServer: 0 };

export class ByteCount {
  /** Processes that have not ended, with what was taken of each already. */
  readonly #live = new Map<LocalProcess, ByteUsage>();
  #ended = NONE;

  /** Counts a process from its start to its end. */
  add(process: LocalProcess): LocalProcess {
    this.#live.set(process, NONE);
    void process.ended.then(() => {
      this.#ended = sum(this.#ended, this.#newOf(process));
      this.#live.delete(process);
    });
    return process;
  }

  /** Bytes since the last time. */
  take(): ByteUsage {
    let taken = this.#ended;
    this.#ended = NONE;
    for (const process of this.#live.keys()) taken = sum(taken, this.#newOf(process));
    return taken;
  }

  #newOf(process: LocalProcess): ByteUsage {
    const before = this.#live.get(process) ?? NONE;
    const { bytesOut, bytesIn } = process.channel.stats;
    this.#live.set(process, { bytesToServer: bytesOut, bytesFromServer: bytesIn });
    return {
      bytesToServer: bytesOut - before.bytesToServer,
      bytesFromServer: bytesIn - before.bytesFromServer,
    };
  }
}

function sum(a: ByteUsage, b: ByteUsage): ByteUsage {
  return {
    bytesToServer: a.bytesToServer + b.bytesToServer,
    bytesFromServer: a.bytesFromServer + b.bytesFromServer,
  };
}
