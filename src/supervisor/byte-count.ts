/** Bytes of a server's processes, read off their channels when somebody asks. */
import type { LocalProcess } from './process.ts';

export interface ByteUsage {
  readonly bytesToServer: number;
  readonly bytesFromServer: number;
}

const NONE: ByteUsage = { bytesToServer: 0, bytesFromServer: 0 };

export class ByteCount {
  readonly #live = new Set<LocalProcess>();
  #ended = NONE;
  #taken = NONE;

  /** Counts a process from its start to its end. */
  add(process: LocalProcess): LocalProcess {
    this.#live.add(process);
    void process.ended.then(() => {
      this.#ended = sum(this.#ended, bytesOf(process));
      this.#live.delete(process);
    });
    return process;
  }

  /** Bytes since the beginning. */
  get total(): ByteUsage {
    let total = this.#ended;
    for (const process of this.#live) total = sum(total, bytesOf(process));
    return total;
  }

  /** Bytes since the last time. */
  take(): ByteUsage {
    const { total } = this;
    const before = this.#taken;
    this.#taken = total;
    return {
      bytesToServer: total.bytesToServer - before.bytesToServer,
      bytesFromServer: total.bytesFromServer - before.bytesFromServer,
    };
  }
}

function bytesOf({ channel }: LocalProcess): ByteUsage {
  const { bytesOut, bytesIn } = channel.stats;
  return { bytesToServer: bytesOut, bytesFromServer: bytesIn };
}

function sum(a: ByteUsage, b: ByteUsage): ByteUsage {
  return {
    bytesToServer: a.bytesToServer + b.bytesToServer,
    bytesFromServer: a.bytesFromServer + b.bytesFromServer,
  };
}
