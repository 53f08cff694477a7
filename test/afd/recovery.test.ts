import { describe, expect, it } from "vitest";
import type { StagePlace } from "../../src/afd/stages.ts";
import { targets } from "../../src/kernels/target.ts";
import { firstFreeAddress } from "../kernels/machine.ts";
import { type HandCluster, handCluster } from "./handCluster.ts";
import { bitsOf, tinyModel, workOf } from "./works.ts";

const work = workOf({
  ...{ model: { ...tinyModel, weightDtype: "int8", kvDtype: "int8" }, attentionInstances: 2, ffnInstances: 2 },
  sizes: [3, 4],
});
const places = Array.from({ length: work.steps }, (_, step) =>
  work.model.layers.flatMap((_, layer) => work.microBatches.map((_, microBatch) => ({ step, layer, microBatch }))),
).flat();

/** The bytes of an instance's message. */
function sentBits(cluster: HandCluster, instance: number, { layer, microBatch }: StagePlace): string[] {
  const each = cluster.attention[instance];
  const isMoe = work.model.layers[layer]?.ffn.kind === "moe";
  const sent = (each?.plan.sends[microBatch] ?? []).filter(({ layers }) => layers === "all" || isMoe);
  return sent.map(({ address, rows, rowBytes }) =>
    Buffer.from(each?.memory.buffer as ArrayBuffer, address, rows * rowBytes).toString("hex"),
  );
}

describe.each(targets)("an attention instance of target %s that lost its memory", (target) => {
  const undisturbed = handCluster(work, target);
  undisturbed.prepare();
  for (const place of places) undisturbed.runPlace(place);
  const expected = bitsOf(undisturbed.finish(work.steps - 1));

  // After the attention stage of the second micro-batch, when the first one's partial sums have come already.
  const losses = [1, 7, 13].map((index) => ({ index, place: places[index] as StagePlace }));

  it.each(losses)("is built again from its inputs at $place", ({ index, place: lost }) => {
    const cluster = handCluster(work, target);
    cluster.prepare();
    const log = new Map<StagePlace, Float32Array[]>();
    const loser = cluster.attention[1] as HandCluster["attention"][number];
    const write = (place: StagePlace): void =>
      loser.run((stages) => {
        for (const [row, values] of stages.input(place).entries())
          values.set((log.get(place) as Float32Array[])[row] as Float32Array);
      });

    function rebuild(): void {
      const sent = sentBits(cluster, 1, lost);
      new Uint8Array(loser.memory.buffer).fill(0xff, firstFreeAddress);
      loser.prepare();
      // A micro-batch's last stage is run again, which gives its state and its message; all before only fill the cache.
      for (const place of places.slice(0, index + 1)) {
        const isLast = places.slice(0, index + 1).findLast((each) => each.microBatch === place.microBatch) === place;
        write(place);
        loser.run((stages) => (isLast ? stages.rerun(place) : stages.append(place)));
      }
      expect(sentBits(cluster, 1, lost)).toEqual(sent);
      // What had come for the other micro-batch comes again.
      cluster.exchange(places[index - 1] as StagePlace, "toAttention");
    }

    for (const place of places) {
      cluster.runPlace(place, (instance) => {
        if (instance !== 1) return;
        log.set(
          place,
          loser.run((stages) => stages.input(place)).map((row) => Float32Array.from(row)),
        );
        if (place === lost) rebuild();
      });
    }
    expect(bitsOf(cluster.finish(work.steps - 1))).toEqual(expected);
  });
});
