/** The search over deployments: DeepSeek-V3 on all pairings of four accelerators, up to 96 cards; and what one costs. */
import { Bench } from "tinybench";
import { requirePrice } from "../src/hardware/accelerator.ts";
import { loadAccelerator, reportAcceleratorNames } from "../src/hardware/catalog.ts";
import { loadCatalogModel } from "../src/model/catalog.ts";
import { searchAfd } from "../src/simulate/planAfd.ts";
import type { PlanQuestion } from "../src/simulate/planQuestion.ts";
import { EFFICIENCY } from "../src/theory/efficiency.ts";
import { FFN_PARALLELISMS } from "../src/theory/ffnStage.ts";
import { ONE_NETWORK_STAGE } from "../src/theory/stageTimes.ts";
import { formatDuration } from "../src/units/format.ts";

const ASKED_DEPLOYMENTS = 100_000;
const NAMED = 50;

const accelerators = reportAcceleratorNames().map((name) => requirePrice(loadAccelerator(name)));
const question: PlanQuestion = {
  card: loadCatalogModel("deepseek-v3"),
  contextTokens: 8192,
  tpotNs: 50e6,
  objective: "cost",
  maxCards: 96,
  attentionOn: accelerators,
  ffnOn: accelerators,
  precisions: ["auto"],
  parallelisms: FFN_PARALLELISMS,
  redundantExperts: [0, 1],
  microBatches: [1, 2, 3, 4],
  instanceCards: [4, 8],
  linkUse: ONE_NETWORK_STAGE,
  efficiency: EFFICIENCY,
};

const bench = new Bench({ iterations: 5, warmupIterations: 1, time: 0, warmupTime: 0 });
bench.add("plan", () => {
  searchAfd(question, NAMED);
});
await bench.run();
const result = bench.tasks[0]?.result;
if (result === undefined || result.state !== "completed") throw new Error("the search did not run to its end");
const { deployments, evaluated } = searchAfd(question, NAMED);
const searchNs = result.latency.p50 * 1e6;
const askedNs = (searchNs / deployments) * ASKED_DEPLOYMENTS;
console.log(`plan: deepseek-v3 at 8192, 16 pairings of accelerators, the ${NAMED} best, one thread`);
console.log(
  `  ${formatDuration(searchNs)} for ${deployments} deployments (${evaluated} of them with a batch looked for), median of ${result.latency.samplesCount}`,
);
console.log(`  ${formatDuration(askedNs)} for 100,000; under 1 s: ${askedNs < 1e9 ? "holds" : "does not hold"}`);
