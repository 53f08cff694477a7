/** What a link of an instance can carry. */
export type LinkUse =
  /** Each direction on its own. */
  | "duplex"
  /** Both directions take turns. */
  | "shared"
  /** Every pair of instances has a link of its own in each direction. */
  | "pair";

/** The network between the two sides. */
export interface Network {
  readonly linkUse: LinkUse;
  /** Of an instance's link (of a pair's with `pair`), one direction; undefined: transfers take no time on it. */
  readonly bytesPerSecond: number | undefined;
  /** Time that a micro-batch's message of a layer keeps each link busy, whatever its size; undefined: by its bytes. */
  readonly stageNs: number | undefined;
  /** From the last byte sent to the last byte usable. */
  readonly latencyNs: number;
  /** Added to the latency, uniform in 0..jitterNs, for each message. */
  readonly jitterNs: number;
}

export const noNetwork: Network = {
  linkUse: "duplex",
  bytesPerSecond: undefined,
  stageNs: undefined,
  latencyNs: 0,
  jitterNs: 0,
};

/** Whether a message can be used as soon as it is written. */
export function isImmediate({ bytesPerSecond, stageNs, latencyNs, jitterNs }: Network): boolean {
  return bytesPerSecond === undefined && (stageNs ?? 0) === 0 && latencyNs === 0 && jitterNs === 0;
}

/** How long `bytes` keep a link busy. */
export function occupiedNs({ bytesPerSecond, stageNs }: Network, bytes: number): number {
  if (stageNs !== undefined) return stageNs;
  return bytesPerSecond === undefined ? 0 : (bytes * 1e9) / bytesPerSecond;
}

/**
 * The links of one instance, moved by its own thread alone. Times are on the shared clock, and may lie ahead of it.
 *
 * As in the simulated cluster, an instance's link carries one message at a time; a message is received while it is sent, and has
 * arrived when neither link is busy with it and its latency has passed.
 */
export class Links {
  readonly #network: Network;
  #sendFreeNs = 0;
  #receiveFreeNs = 0;
  readonly #pairFreeNs: Float64Array;

  constructor(network: Network, peers: number) {
    this.#network = network;
    this.#pairFreeNs = new Float64Array(peers);
  }

  /** When a message that is ready at `readyNs` begins on its link. */
  beginSend(readyNs: number, peer: number): number {
    switch (this.#network.linkUse) {
      case "pair":
        return Math.max(readyNs, this.#pairFreeNs[peer] as number);
      case "duplex":
        return Math.max(readyNs, this.#sendFreeNs);
      case "shared":
        return Math.max(readyNs, this.#sendFreeNs, this.#receiveFreeNs);
    }
  }

  endSend(endNs: number, peer: number): void {
    if (this.#network.linkUse === "pair") this.#pairFreeNs[peer] = endNs;
    else this.#sendFreeNs = endNs;
  }

  /**
   * When a micro-batch has arrived of which all parts are under way.
   * @param busyNs how long this instance's link is busy with all parts together
   */
  arrival(firstStartNs: number, lastStartNs: number, lastEndNs: number, busyNs: number, parts: number): number {
    const { linkUse, latencyNs } = this.#network;
    if (linkUse === "pair" || busyNs === 0) return lastEndNs + latencyNs;
    const free = linkUse === "shared" ? Math.max(this.#sendFreeNs, this.#receiveFreeNs) : this.#receiveFreeNs;
    const endNs = Math.max(Math.max(firstStartNs, free) + busyNs, lastStartNs + busyNs / parts);
    this.#receiveFreeNs = endNs;
    return Math.max(endNs, lastEndNs) + latencyNs;
  }
}
