/**
 * What each register tile gives over operands in L1, on one thread: the table of docs/kernels/tiles.md. Run it once more on a Node that
 * was started with --experimental-wasm-revectorize.
 */
import { revectorizeFlag } from "../src/host/vectorWidth.ts";
import { readKernelModule } from "../src/kernels/files.ts";
import { compileKernels } from "../src/kernels/load.ts";
import { float32Forms, int8Forms } from "../src/kernels/roofs.ts";
import { compileForHost, dotsOf, ratesOf } from "../src/measure/calibration.ts";
import { formatRate } from "../src/units/format.ts";

const ROUNDS = 60;

const flags = process.execArgv.includes(revectorizeFlag) ? revectorizeFlag : "no flags";
console.log(`tiles over L1, one thread, Node ${process.versions.node}, ${flags}`);
for (const target of ["relaxed", "simd"] as const) {
  const wasm = readKernelModule(target, "plain");
  const loops = { f32: float32Forms(1), int8: int8Forms(1, dotsOf(target)) };
  const rates = ratesOf(compileKernels(wasm), [...loops.f32, ...loops.int8], ROUNDS);
  for (const dtype of ["f32", "int8"] as const) {
    for (const loop of loops[dtype]) {
      console.log(`  ${target.padEnd(10)}${dtype.padEnd(6)}${loop.form.padEnd(18)}${formatRate(rates.get(loop) ?? 0)}`);
    }
  }
  const { f32Panels, int8Panels, int8Dot } = compileForHost(wasm, target).tiles;
  console.log(
    `  ${target.padEnd(10)}chosen: ${8 * f32Panels} columns in f32, ${8 * int8Panels} in int8, dot ${int8Dot}`,
  );
}
