/**
 * Runs the benches one after the other, or those named.
 *
 *   node bench/all.ts [expertMatmul] [storedWeights] [attention] [threads] [plan] [sweep] [simulate] [tiles] [wire] [pipeline] [simulated]
 */
const BENCHES: Readonly<Record<string, () => Promise<unknown>>> = {
  expertMatmul: () => import("./expertMatmul.bench.ts"),
  storedWeights: () => import("./storedWeights.bench.ts"),
  attention: () => import("./attention.bench.ts"),
  threads: () => import("./threads.bench.ts"),
  plan: () => import("./plan.bench.ts"),
  sweep: () => import("./sweep.bench.ts"),
  tiles: () => import("./tiles.bench.ts"),
  simulate: () => import("./simulate.bench.ts"),
  wire: () => import("./wire.bench.ts"),
  pipeline: () => import("./pipeline.bench.ts"),
  simulated: () => import("./simulated.bench.ts"),
};

const asked = process.argv.slice(2);
for (const name of asked.length === 0 ? Object.keys(BENCHES) : asked) {
  const run = BENCHES[name];
  if (run === undefined) throw new Error(`no bench ${name}: expected one of ${Object.keys(BENCHES).join(", ")}`);
  await run();
}

export {};
