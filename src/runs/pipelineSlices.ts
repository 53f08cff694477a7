import { messageSizes } from "../afd/messageSizes.ts";
import { type Network, occupiedNs } from "../afd/network.ts";
import type { PipelineRun } from "../afd/pipeline.ts";
import { hasInput, isStage, type MembershipLog, type Side, sides } from "../afd/runLog.ts";
import type { StageEntry } from "../afd/stageLog.ts";
import { divisionOf, type Work } from "../afd/work.ts";
import type { Slice } from "../record/slice.ts";

/**
 * A run as pieces of time, from its beginning on: stages, messages and outages. With an emulated network that keeps links busy, a
 * message is what its link was busy with; else the copying that is the transfer.
 */
export function* pipelineSlices(run: PipelineRun, network: Network): Generator<Slice> {
  const originNs = run.memberships[0]?.result.startNs ?? 0;
  for (const { membership, result } of run.memberships) {
    const log = { ...membership, ...result };
    const busyNs = linkTimes(membership.work, network);
    for (const side of sides) {
      for (const [instance, entries] of log[side].entries()) {
        for (const slice of slicesOf(log, side, instance, entries, network, busyNs)) yield shifted(slice, originNs);
      }
    }
    for (const { side, instance, fromNs, untilNs } of result.restarts) {
      const place = { side, instance, microBatch: 0, step: 0, layer: 0 };
      if (untilNs !== undefined) yield shifted({ ...place, lane: "outage", startNs: fromNs, endNs: untilNs }, originNs);
    }
  }
}

/** How long a message of a layer and micro-batch keeps the link of an instance busy, with all its peers together. */
type LinkTimes = (direction: "a2f" | "f2a", side: Side, instance: number, microBatch: number, layer: number) => number;

function* slicesOf(
  log: MembershipLog,
  side: Side,
  instance: number,
  entries: readonly StageEntry[],
  network: Network,
  busyNs: LinkTimes,
): Generator<Slice> {
  const isOccupied = network.stageNs !== undefined || network.bytesPerSecond !== undefined;
  const [outgoing, incoming] = side === "attention" ? (["a2f", "f2a"] as const) : (["f2a", "a2f"] as const);
  let sendFreeNs = 0;
  let receiveFreeNs = 0;
  for (const entry of entries) {
    const { step, layer, microBatch } = entry;
    const place = { side, instance, microBatch };
    if (isOccupied && hasInput(entry, side, log)) {
      const stage = step * log.division.layers + layer - (side === "attention" ? 1 : 0);
      const sent = { step: Math.floor(stage / log.division.layers), layer: stage % log.division.layers };
      const endNs = Math.max(receiveFreeNs, entry.usableNs - network.latencyNs);
      const startNs = Math.max(receiveFreeNs, endNs - busyNs(incoming, side, instance, microBatch, sent.layer));
      receiveFreeNs = endNs;
      if (endNs > startNs) yield { ...place, ...sent, lane: "receiving", startNs, endNs };
    }
    if (!isStage(entry, log)) continue;
    yield { ...place, step, layer, lane: "compute", startNs: entry.beginNs, endNs: entry.endNs };
    const startNs = isOccupied ? Math.max(sendFreeNs, entry.endNs) : entry.endNs;
    const endNs = isOccupied ? startNs + busyNs(outgoing, side, instance, microBatch, layer) : entry.sentNs;
    sendFreeNs = endNs;
    if (endNs > startNs) yield { ...place, step, layer, lane: "sending", startNs, endNs };
  }
}

function linkTimes(work: Work, network: Network): LinkTimes {
  const { attentionInstances, ffnInstances } = divisionOf(work);
  const sizes = messageSizes(work);
  return (direction, side, instance, microBatch, layer) => {
    const peers = side === "attention" ? ffnInstances : attentionInstances;
    const each = Array.from({ length: peers }, (_, peer) =>
      side === "attention"
        ? sizes(direction, instance, peer, microBatch, layer)
        : sizes(direction, peer, instance, microBatch, layer),
    );
    const bytes = network.linkUse === "pair" ? Math.max(...each) : each.reduce((sum, size) => sum + size, 0);
    return occupiedNs(network, bytes);
  };
}

function shifted(slice: Slice, originNs: number): Slice {
  return { ...slice, startNs: slice.startNs - originNs, endNs: slice.endNs - originNs };
}
