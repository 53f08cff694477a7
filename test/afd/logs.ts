import type { MembershipLog } from "../../src/afd/runLog.ts";
import type { StageEntry } from "../../src/afd/stageLog.ts";

/** Times of a made-up run: two instances a side unless said, one micro-batch after the other's end, no time between. */
export interface MadeUp {
  readonly firstStep?: number;
  readonly steps: number;
  readonly layers: number;
  readonly attentionInstances?: number;
  readonly ffnInstances?: number;
  readonly sizes?: readonly number[];
  readonly startNs?: number;
  /** Of a stage or transfer; the default is 100 for a stage and 10 for a transfer. */
  takesNs?(part: "attention" | "a2f" | "ffn" | "f2a", instance: number, step: number, layer: number): number;
}

/**
 * A log in which each micro-batch goes alone through attention, A2F, FFN and F2A of all layers, on a lane of time of its own: every
 * receiver waits for the last of its senders, `handoverNs` after which it begins.
 */
export function madeUpLog(made: MadeUp, handoverNs = 1): MembershipLog {
  const { firstStep = 0, steps, layers, attentionInstances = 2, ffnInstances = 2, sizes = [4], startNs = 1000 } = made;
  const takes = made.takesNs ?? ((part: string) => (part === "attention" || part === "ffn" ? 100 : 10));
  const attention: StageEntry[][] = Array.from({ length: attentionInstances }, () => []);
  const ffn: StageEntry[][] = Array.from({ length: ffnInstances }, () => []);
  const lastStep = firstStep + steps;
  for (const microBatch of sizes.keys()) {
    let ready = attention.map(() => ({ readyNs: startNs, lastPeer: -1, spreadNs: 0 }));
    const free = { attention: attention.map(() => startNs), ffn: ffn.map(() => startNs) };
    const work = (side: "attention" | "ffn", instance: number, step: number, layer: number, lasts: number) => {
      const input = ready[instance] as (typeof ready)[number];
      const waitNs = free[side][instance] as number;
      const beginNs = Math.max(waitNs, input.readyNs) + (input.lastPeer < 0 ? 0 : handoverNs);
      const endNs = beginNs + lasts;
      free[side][instance] = endNs;
      const times = { waitNs, pushedNs: input.readyNs, usableNs: input.readyNs, beginNs, endNs, sentNs: endNs };
      const { lastPeer, spreadNs } = input;
      (side === "attention" ? attention : ffn)[instance]?.push(
        ...[{ step, layer, microBatch, ...times, lastPeer, spreadNs, queued: 0, redone: 0 }],
      );
      return endNs;
    };
    const sent = (ends: readonly number[], receivers: number, part: "a2f" | "f2a", step: number, layer: number) =>
      Array.from({ length: receivers }, (_, receiver) => {
        const arrivals = ends.map((endNs, sender) => endNs + takes(part, sender * 10 + receiver, step, layer));
        const readyNs = Math.max(...arrivals);
        return { readyNs, lastPeer: arrivals.indexOf(readyNs), spreadNs: readyNs - Math.min(...arrivals) };
      });
    for (let step = firstStep; step < lastStep; step++) {
      for (let layer = 0; layer < layers; layer++) {
        const attended = attention.map((_, i) => work("attention", i, step, layer, takes("attention", i, step, layer)));
        ready = sent(attended, ffnInstances, "a2f", step, layer);
        const computed = ffn.map((_, i) => work("ffn", i, step, layer, takes("ffn", i, step, layer)));
        ready = sent(computed, attentionInstances, "f2a", step, layer);
      }
    }
    for (const instance of attention.keys()) work("attention", instance, lastStep, 0, 0);
  }
  const ends = sizes.map((_, index) => sizes.slice(0, index + 1).reduce((sum, size) => sum + size, 0));
  const microBatches = sizes.map((size, index) => ({
    first: (ends[index] as number) - size,
    last: ends[index] as number,
  }));
  const division = { attentionInstances, ffnInstances, microBatches, layers, steps: lastStep };
  return { division, firstStep, lastStep, startNs, attention, ffn };
}
