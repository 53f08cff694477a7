/** How weights are stored: int4 and float32 against int8 in turns, a product from cache at M tokens, then experts from memory at one. */
import type { KernelCase } from "../src/kernels/case.ts";
import { matmulCase } from "../src/kernels/matmul.ts";
import { expertMatmulCase } from "../src/kernels/moe.ts";
import type { WeightDtype } from "../src/kernels/weights.ts";
import { formatBandwidth, formatNumber, formatPercent, formatRate } from "../src/units/format.ts";
import { type BenchHost, onHost, roofLine } from "./host.ts";

const N = 1280;
const K = 1792;
const TOKENS = [1, 4, 16, 64, 256];
const EXPERT = { hidden: 7168, expertDim: 2048, tokensPerExpert: 1, seed: 1 } as const;
/** Bytes of weights that go by in a call: more than four times a last-level cache of 32 MiB. */
const COLD_BYTES = 2 ** 28;
const ROUNDS = 9;
const BYTES: Readonly<Record<WeightDtype, number>> = { f32: 4, int8: 1, int4: 0.5 };
const STORED = ["f32", "int8", "int4"] as const;

await onHost(1, async (host) => {
  console.log(roofLine(host));
  console.log(`product [M, ${K}] x [${K}, ${N}], one thread, ${ROUNDS} rounds in turns`);
  for (const m of TOKENS) {
    const times = await inTurns(host, (dtype) => matmulCase({ m, n: N, k: K, dtype, seed: 1 }));
    const rates = STORED.map((dtype) => `${dtype} ${formatRate((2 * m * N * K * 1e9) / median(times[dtype]))}`);
    console.log(`  M=${m}: ${rates.join(", ")}; int4 ${ratioText(times)} times as fast as int8`);
  }
  const dram = host.roofs.bandwidth.at(-1)?.perSecond ?? Number.NaN;
  console.log(
    `experts of ${EXPERT.hidden} x ${EXPERT.expertDim} from memory, M=1; reads reach ${formatBandwidth(dram)}`,
  );
  const weights = 3 * EXPERT.hidden * EXPERT.expertDim;
  const countOf = (dtype: WeightDtype): number => Math.ceil(COLD_BYTES / (weights * BYTES[dtype]));
  const times = await inTurns(host, (dtype) => expertMatmulCase({ ...EXPERT, count: countOf(dtype), dtype }));
  for (const dtype of STORED) {
    const perSecond = (countOf(dtype) * weights * BYTES[dtype] * 1e9) / median(times[dtype]);
    const rate = formatRate((perSecond / BYTES[dtype]) * 2);
    console.log(`  ${dtype}: ${formatBandwidth(perSecond)}, ${formatPercent(perSecond / dram)} of the reads, ${rate}`);
  }
});

type Times = Readonly<Record<WeightDtype, number[]>>;

/** Nanoseconds of a call of each dtype, one after the other in every round. */
async function inTurns(host: BenchHost, build: (dtype: WeightDtype) => KernelCase): Promise<Times> {
  const times: Times = { f32: [], int8: [], int4: [] };
  const started = await Promise.all(STORED.map(async (dtype) => ({ dtype, run: await host.start(build(dtype)) })));
  try {
    for (const { run } of started) await run.callNs(1);
    for (let round = 0; round < ROUNDS; round++) {
      for (const { dtype, run } of started) {
        const once = await run.callNs(1);
        times[dtype].push(once > 5e6 ? once : await run.callNs(Math.ceil(5e6 / once)));
      }
    }
  } finally {
    for (const { run } of started) await run.stop();
  }
  return times;
}

/** Median over the rounds of int8's time over int4's. */
function ratioText({ int8, int4 }: Times): string {
  return formatNumber(median(int8.map((time, round) => time / (int4[round] as number))));
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
}
