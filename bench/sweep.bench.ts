/** The decode-cost model over a grid: 10 models x 20 accelerators x 50 contexts, and what one row of it costs. */
import { Bench } from "tinybench";
import type { Accelerator } from "../src/hardware/accelerator.ts";
import { loadAccelerator } from "../src/hardware/catalog.ts";
import { loadCatalogModel, modelNames } from "../src/model/catalog.ts";
import { cheapestPairing, decodeCost, pricedRoofs, unitCost } from "../src/theory/decodeCost.ts";
import { peakFor } from "../src/theory/precision.ts";
import { formatDuration } from "../src/units/format.ts";
import { tokenWork } from "../src/workload/per-token.ts";

const MODELS = 10;
const ACCELERATORS = 20;
const CONTEXTS = Array.from({ length: 50 }, (_, index) => 1024 * (index + 1));

const names = modelNames();
const cards = Array.from({ length: MODELS }, (_, index) => loadCatalogModel(names[index % names.length] as string));
const accelerators = Array.from({ length: ACCELERATORS }, (_, index) => ({
  ...loadAccelerator("h800"),
  usdPerHour: 0.5 + index / 10,
}));

const bench = new Bench({ iterations: 5, warmupIterations: 1, time: 0, warmupTime: 0 });
bench.add("sweep", () => {
  for (const card of cards) for (const contextTokens of CONTEXTS) bestUsd(card, contextTokens, accelerators);
});
await bench.run();
const result = bench.tasks[0]?.result;
if (result === undefined || result.state !== "completed") throw new Error("the sweep did not run to its end");
const sweepNs = result.latency.p50 * 1e6;
const rows = MODELS * ACCELERATORS * CONTEXTS.length;
console.log(`sweep: ${MODELS} models x ${ACCELERATORS} accelerators x ${CONTEXTS.length} contexts, one thread`);
console.log(
  `  ${formatDuration(sweepNs)} for ${rows} costs, ${formatDuration(sweepNs / rows)} each (median of ${result.latency.samplesCount})`,
);
console.log(`  under 1 s: ${sweepNs < 1e9 ? "holds" : "does not hold"}`);

function bestUsd(
  card: (typeof cards)[number],
  contextTokens: number,
  on: readonly (Accelerator & { usdPerHour: number })[],
): number {
  const work = tokenWork(card, { contextTokens, convention: "report" });
  const [first, ...others] = on.map((accelerator) => {
    const peak = peakFor(accelerator, "auto");
    if (peak === undefined) throw new Error(`${accelerator.name} has no peak`);
    return { cost: decodeCost(work, unitCost(pricedRoofs(accelerator, peak))) };
  });
  if (first === undefined) throw new Error("no accelerators");
  const { attention, ffn } = cheapestPairing([first, ...others]);
  return attention.cost.attentionUsd + ffn.cost.ffnUsd;
}
