/** Addresses on this machine for the gateways of a release. */
import { type Address, type Forward, forward } from './forward.ts';

/** How many gateways, those that are gone included, can have an address of their own. */
const SLOTS = 12;
const GATEWAY_PORT = 8053;

/** They are there before the gateways are, which serve only hosts that their settings name. */
export class ReleaseAddresses {
  /** Where {@link url} leads. */
  service: Address | undefined;
  readonly #forwards: Forward[] = [];
  /** Address of the pod in each slot. */
  readonly #slots: (string | undefined)[] = Array.from({ length: SLOTS }, () => undefined);

  async open(): Promise<void> {
    this.#forwards.push(await forward(() => this.service));
    for (let slot = 0; slot < SLOTS; slot++)
      this.#forwards.push(
        await forward(() => {
          const host = this.#slots[slot];
          return host === undefined ? undefined : { host, port: GATEWAY_PORT };
        }),
      );
  }

  /** As they stand in the Host header. */
  get hosts(): string[] {
    return this.#forwards.map(({ port }) => `127.0.0.1:${port}`);
  }

  get url(): string {
    return `http://${this.hosts[0]}`;
  }

  /** Of the pod with this address. */
  urlOf(podIP: string): string {
    const known = this.#slots.indexOf(podIP);
    const slot = known >= 0 ? known : this.#slots.indexOf(undefined);
    if (slot < 0) throw new Error(`more than ${SLOTS} gateways were asked for`);
    this.#slots[slot] = podIP;
    return `http://${this.hosts[slot + 1]}`;
  }

  async close(): Promise<void> {
    await Promise.all(this.#forwards.map((one) => one.close()));
  }
}
