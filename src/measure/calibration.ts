import { compileKernels, createMemory, instantiateKernels, type KernelModule } from "../kernels/load.ts";
import { runSteps } from "../kernels/program.ts";
import { float32Loop, int8Loop, type RoofLoop } from "../kernels/roofs.ts";
import type { Target } from "../kernels/target.ts";
import { type Int8Dot, type PanelsAtOnce, plainTiles, type Tiles } from "../kernels/tiles.ts";

/** Rounds over all candidates: the engine compiles a tile anew once it is hot, and disturbance only slows, so the fastest counts. */
const calibrationRounds = 12;

const panelChoices: readonly PanelsAtOnce[] = [1, 2];

/** Forms of the int8 dot that a target has. */
export function dotsOf(target: Target): readonly Int8Dot[] {
  return target === "relaxed" ? ["fused", "inPairs"] : ["fused"];
}

/** Rows of a target's largest tile (assembly/tile/rows.ts). */
function tileRowsMost(target: Target): number {
  return target === "relaxed" ? 6 : 5;
}

/**
 * Compiles a target for this host: times the candidates for its tiles on the calling thread, about a tenth of a second, and keeps the
 * fastest. A wrong choice on a disturbed machine costs speed alone.
 */
export function compileForHost(wasm: Uint8Array<ArrayBuffer>, target: Target): KernelModule {
  const compiled = compileKernels(wasm);
  const rows = tileRowsMost(target);
  const f32 = panelChoices.map((panels) => ({ panels, loop: float32Loop({ rows, panels }, 1) }));
  const int8 = dotsOf(target).flatMap((dot) =>
    panelChoices.map((panels) => ({ panels, dot, loop: int8Loop({ rows, panels }, dot, 1) })),
  );
  const rates = ratesOf(
    compiled,
    [...f32, ...int8].map(({ loop }) => loop),
    calibrationRounds,
  );
  const { panels: f32Panels } = fastest(f32, rates);
  const { panels: int8Panels, dot: int8Dot } = fastest(int8, rates);
  const tiles: Tiles = { ...plainTiles, f32Panels, int8Panels, int8Dot };
  return { ...compiled, tiles };
}

/**
 * Best rate of each loop on the calling thread, in work a second; all of them run in each round, so that a change of the clock meets
 * them alike.
 */
export function ratesOf(
  compiled: KernelModule,
  loops: readonly RoofLoop[],
  rounds: number,
): ReadonlyMap<RoofLoop, number> {
  const rates = new Map<RoofLoop, number>();
  const memory = createMemory(Math.max(...loops.map(({ totalBytes }) => totalBytes)));
  const exports = instantiateKernels(compiled, memory);
  for (const loop of loops) loop.prepare(exports);
  for (let round = 0; round < rounds; round++) {
    for (const loop of loops) {
      const began = performance.now();
      runSteps(exports, loop.steps(0));
      const rate = (loop.work / (performance.now() - began)) * 1e3;
      rates.set(loop, Math.max(rate, rates.get(loop) ?? 0));
    }
  }
  return rates;
}

/** The fastest candidate; a later one has to be faster by more than what a clock's step and a jitter make. */
function fastest<Candidate extends { readonly loop: RoofLoop }>(
  candidates: readonly Candidate[],
  rates: ReadonlyMap<RoofLoop, number>,
): Candidate {
  const rateOf = ({ loop }: Candidate): number => rates.get(loop) ?? 0;
  return candidates.reduce((best, each) => (rateOf(each) > 1.03 * rateOf(best) ? each : best));
}
