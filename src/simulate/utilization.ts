import type { Cluster } from "./cluster.ts";
import type { SideState } from "./sideState.ts";

/** Shares of the counted time in which instances and links were busy, means over those of a side. */
export interface Utilization {
  readonly attention: number;
  readonly ffn: number;
  readonly attentionLink: number;
  readonly ffnLink: number;
}

/** Busy times of all instances and links added up: of attention, FFN, attention's links, the FFN's links. */
type BusyPs = readonly [attention: number, ffn: number, attentionLink: number, ffnLink: number];

/** Utilization from a moment on to another, while a pipeline neither fills nor drains. */
export class UtilizationWindow {
  readonly #cluster: Cluster;
  readonly #sides: { readonly attention: SideState; readonly ffn: SideState };
  #opened: { readonly atPs: number; readonly busyPs: BusyPs } | undefined;
  #utilization: Utilization | undefined;

  constructor(cluster: Cluster, sides: { readonly attention: SideState; readonly ffn: SideState }) {
    this.#cluster = cluster;
    this.#sides = sides;
  }

  /** Of the time between; undefined where it was never opened and closed. */
  get utilization(): Utilization | undefined {
    return this.#utilization;
  }

  /** Counts from now on, unless it did before. */
  open(nowPs: number): void {
    this.#opened ??= { atPs: nowPs, busyPs: this.#busyPs() };
  }

  /** Counts no further, if it did. */
  close(nowPs: number): void {
    if (this.#opened === undefined || this.#utilization !== undefined) return;
    const { attentionInstances, ffnInstances, linkUse } = this.#cluster;
    const before = this.#opened.busyPs;
    const after = this.#busyPs();
    const spanPs = nowPs - this.#opened.atPs;
    // Work is counted where it begins, so that one piece may reach beyond the window's end.
    const share = (index: 0 | 1 | 2 | 3, count: number) =>
      spanPs === 0 ? 0 : Math.min(1, (after[index] - before[index]) / (spanPs * count));
    const directions = linkUse === "duplex" ? 2 : 1;
    this.#utilization = {
      attention: share(0, attentionInstances),
      ffn: share(1, ffnInstances),
      attentionLink: share(2, attentionInstances * directions),
      ffnLink: share(3, ffnInstances * directions),
    };
  }

  #busyPs(): BusyPs {
    const { attention, ffn } = this.#sides;
    const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);
    return [sum(attention.busyPs), sum(ffn.busyPs), sum(attention.linkBusyPs), sum(ffn.linkBusyPs)];
  }
}
