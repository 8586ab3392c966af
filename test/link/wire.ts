/** A byte stream between a gateway and a supervisor that a test can hold up, mute and cut. */
import { Duplex } from 'node:stream';

export class Wire {
  readonly gateway: Duplex;
  readonly supervisor: Duplex;
  /** What the supervisor says is swallowed, as by a network that lost one direction. */
  mute = false;
  /** The same for what the gateway says. */
  deaf = false;
  /** Writes that reached the carrier, each way. */
  readonly writes = { toSupervisor: 0, toGateway: 0 };

  #half = false;

  constructor() {
    this.gateway = end((bytes) => {
      if (bytes) this.writes.toSupervisor++;
      if (!this.deaf) this.supervisor.push(bytes);
    });
    this.supervisor = end((bytes) => {
      if (bytes) this.writes.toGateway++;
      if (!this.mute) this.gateway.push(bytes);
    });
    this.#tie();
  }

  /** Connects how the ends end. */
  #tie(): void {
    this.gateway.once('close', () => {
      if (!this.#half) setImmediate(() => this.supervisor.destroy());
    });
    this.supervisor.once('close', () => setImmediate(() => this.gateway.destroy()));
  }

  /** Both ends are gone at once. */
  cut(): void {
    this.gateway.destroy();
    this.supervisor.destroy();
  }

  /** Only the gateway notices: the supervisor still believes in the connection. */
  cutGateway(): void {
    this.#half = true;
    this.gateway.destroy();
  }
}

function end(deliver: (bytes: Buffer | null) => void): Duplex {
  return new Duplex({
    read: () => {},
    writev: (chunks, written) => {
      const bytes = Buffer.concat(chunks.map(({ chunk }) => chunk as Buffer));
      // In a turn of its own, as from any network: Node's HTTP/2 aborts when bytes come in while it writes.
      setImmediate(() => {
        deliver(bytes);
        written();
      });
    },
    final: (ended) => {
      setImmediate(() => {
        deliver(null);
        ended();
      });
    },
  });
}
