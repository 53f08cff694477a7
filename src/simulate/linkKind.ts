import type { LinkUse, TransferTimes } from "../theory/pipeline.ts";

/** What a link carries: one of an instance both directions or one of them, one of a `pair` of instances one direction. */
export type LinkKind = LinkUse | "pair";

/**
 * A transfer that keeps links busy for a time. With `pair` every pair of instances has a link of its own in each direction:
 * a sender's links to all receivers are busy at the same time, and a receiver has none that could be busy with another.
 */
export function stageTransfer(way: "a2f" | "f2a", busyNs: number, latencyNs: number, linkUse: LinkKind): TransferTimes {
  if (linkUse !== "pair") return { latencyNs, attentionLinkNs: busyNs, ffnLinkNs: busyNs };
  return way === "a2f"
    ? { latencyNs, attentionLinkNs: busyNs, ffnLinkNs: 0 }
    : { latencyNs, attentionLinkNs: 0, ffnLinkNs: busyNs };
}

/** How the links of a cluster are used whose transfers `stageTransfer` made. */
export function clusterLinkUse(linkUse: LinkKind): LinkUse {
  return linkUse === "pair" ? "duplex" : linkUse;
}

/** Transfers of an instance's links as those of pairs of instances, whose links are as fast. */
export function pairTransfer(
  way: "a2f" | "f2a",
  { latencyNs, attentionLinkNs, ffnLinkNs }: TransferTimes,
  { attentionInstances, ffnInstances }: { readonly attentionInstances: number; readonly ffnInstances: number },
): TransferTimes {
  const busyNs = Math.max(attentionLinkNs / ffnInstances, ffnLinkNs / attentionInstances);
  return stageTransfer(way, busyNs, latencyNs, "pair");
}
