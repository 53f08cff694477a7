/** One product of an expert at M tokens: how near it comes to the multiply-add and dot roofs of the same run. */
import { matmulCase } from "../src/kernels/matmul.ts";
import type { Dtype } from "../src/kernels/weights.ts";
import { formatPercent } from "../src/units/format.ts";
import { type BenchHost, onHost, roofLine, sampleLine, shareOfRoof } from "./host.ts";

const N = 1280;
const K = 1792;
const TOKENS = [1, 4, 16, 64, 256];
/** From this many tokens on, a kernel is to reach its bar. */
const LEAST_TOKENS = 16;
const BARS = { f32: 0.9, int8: 0.85 } as const;

console.log(`expertMatmul: [M, ${K}] x [${K}, ${N}], one thread`);
await onHost(1, async (host) => {
  console.log(roofLine(host));
  for (const dtype of ["f32", "int8"] as const) console.log(verdict(dtype, await ladder(host, dtype)));
});

/** Prints every M and gives the shares of the roof that the bar is for. */
async function ladder(host: BenchHost, dtype: Dtype): Promise<readonly (number | undefined)[]> {
  const shares: (number | undefined)[] = [];
  for (const m of TOKENS) {
    const samples = await host.sample(matmulCase({ m, n: N, k: K, dtype, seed: 1 }));
    const flops = 2 * m * N * K;
    const share = shareOfRoof(host, dtype, flops, samples);
    console.log(sampleLine(`expertMatmul ${dtype} M=${m}`, flops, samples, share));
    if (m >= LEAST_TOKENS) shares.push(share);
  }
  return shares;
}

function verdict(dtype: Dtype, shares: readonly (number | undefined)[]): string {
  const bar = `${dtype}, M >= ${LEAST_TOKENS}, at least ${formatPercent(BARS[dtype])} of the roof`;
  const known = shares.filter((share) => share !== undefined);
  if (known.length < shares.length) return `${bar}: not judged, the roof is suspect`;
  const lowest = Math.min(...known);
  return `${bar}: ${lowest >= BARS[dtype] ? "holds" : "does not hold"} (lowest ${formatPercent(lowest)})`;
}
