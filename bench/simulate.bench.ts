/** Events per second of the cluster simulator on one thread, and 1,000 instances x 61 layers x 100 steps. */
import { type ClusterChoice, clusterOf } from "../src/simulate/cluster.ts";
import { ClusterEngine } from "../src/simulate/engine.ts";
import { steadyLoad } from "../src/simulate/steadyLoad.ts";
import { formatNumber } from "../src/units/format.ts";

const transfer = (latencyNs: number) => ({ latencyNs, attentionLinkNs: 50e3, ffnLinkNs: 50e3 });
const TIMES = { attentionNs: 200e3, a2f: transfer(40e3), ffnNs: 210e3, f2a: transfer(90e3) };
const LAYERS = Array.from({ length: 61 }, () => TIMES);
const JITTER = { kind: "lognormal", sigma: 0.05 } as const;

console.log("simulate: 61 layers, 3 micro-batches, one thread");
report("2A2F, equal times", { attentionInstances: 2, ffnInstances: 2 }, 500);
report("2A2F, lognormal jitter", { attentionInstances: 2, ffnInstances: 2, jitter: JITTER }, 500);
report("32A32F, lognormal jitter", { attentionInstances: 32, ffnInstances: 32, jitter: JITTER }, 50);
const seconds = report(
  "500A500F, lognormal jitter",
  { attentionInstances: 500, ffnInstances: 500, jitter: JITTER },
  100,
);
console.log(`  1,000 instances x 61 layers x 100 steps under a minute: ${seconds < 60 ? "holds" : "does not hold"}`);

function report(name: string, choice: Omit<ClusterChoice, "microBatches" | "layers">, steps: number): number {
  const cluster = clusterOf({ microBatches: 3, layers: LAYERS, ...choice });
  const engine = new ClusterEngine(cluster, steadyLoad(cluster, { steps, warmUpSteps: 0 }));
  const started = performance.now();
  while (engine.advance(1_000_000));
  const took = (performance.now() - started) / 1000;
  const rate = `${formatNumber(engine.events / took / 1e6)} M events/s`;
  console.log(`  ${name}: ${formatNumber(engine.events / 1e6)} M events in ${formatNumber(took)} s: ${rate}`);
  return took;
}
