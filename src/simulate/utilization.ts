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
export type BusyPs = readonly [attention: number, ffn: number, attentionLink: number, ffnLink: number];

/** How long instances and links have been busy so far. */
export function busyPs(attention: SideState, ffn: SideState): BusyPs {
  const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);
  return [sum(attention.busyPs), sum(ffn.busyPs), sum(attention.linkBusyPs), sum(ffn.linkBusyPs)];
}

/** Shares of a span of time from what was busy before and after it. */
export function utilizationOf(before: BusyPs, after: BusyPs, spanPs: number, cluster: Cluster): Utilization {
  const { attentionInstances, ffnInstances, linkUse } = cluster;
  // Work is counted where it begins, so that one piece may reach beyond the window's end.
  const share = (index: 0 | 1 | 2 | 3, count: number) =>
    spanPs === 0 ? 0 : Math.min(1, (after[index] - before[index]) / (spanPs * count));
  const directions = linkUse === "duplex" ? 2 : 1;
  return {
    attention: share(0, attentionInstances),
    ffn: share(1, ffnInstances),
    attentionLink: share(2, attentionInstances * directions),
    ffnLink: share(3, ffnInstances * directions),
  };
}
