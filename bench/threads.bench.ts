/** What a second kernel thread brings: the same kernels on one thread and on two. */
import { availableParallelism } from "node:os";
import { attentionCoreCase } from "../src/kernels/attentionCore.ts";
import type { KernelCase } from "../src/kernels/case.ts";
import { matmulCase } from "../src/kernels/matmul.ts";
import { formatDuration, formatNumber } from "../src/units/format.ts";
import { onHost, roofLine } from "./host.ts";

const BATCHES = [1, 4];
const CORE = { kvTokens: 4096, queryHeads: 64, kvHeads: 1, headDim: 256, seed: 1 } as const;
const MATMUL = { m: 64, n: 1280, k: 1792, seed: 1 } as const;

const KERNELS: readonly { readonly name: string; readonly build: () => KernelCase }[] = (
  ["f32", "int8"] as const
).flatMap((dtype) => [
  { name: `expertMatmul ${dtype} M=${MATMUL.m}`, build: () => matmulCase({ ...MATMUL, dtype }) },
  ...BATCHES.map((batch) => ({
    name: `attention.core ${dtype} batch=${batch}`,
    build: () => attentionCoreCase({ ...CORE, batch, dtype }),
  })),
]);

console.log("threads: two against one");
if (availableParallelism() < 2) console.log("  this process may use one core only: nothing to compare");
else await compare();

async function compare(): Promise<void> {
  const one = await mediansOn(1);
  const two = await mediansOn(2);
  for (const [index, { name }] of KERNELS.entries()) {
    const [before, after] = [one[index] as number, two[index] as number];
    const times = `${formatDuration(before)} -> ${formatDuration(after)}`;
    console.log(`  ${name.padEnd(40)}${times.padEnd(28)}${formatNumber(before / after)} times as fast`);
  }
}

/** Median nanoseconds of each kernel. */
async function mediansOn(threads: number): Promise<readonly number[]> {
  return onHost(threads, async (host) => {
    console.log(roofLine(host));
    const medians: number[] = [];
    for (const { build } of KERNELS) medians.push((await host.sample(build())).medianNs);
    return medians;
  });
}
