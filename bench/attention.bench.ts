/**
 * Attention cores of three shapes in every stored format: rates against the multiply-add and dot roofs of the same run, and against the
 * float32 core of the same shape, in rounds that take every row in turn. Disturbance only slows, so a round counts by its fastest sample.
 */
import { attentionCoreCase } from "../src/kernels/attentionCore.ts";
import type { AttentionCoreShape } from "../src/kernels/attentionShape.ts";
import { kvDtypes, kvFormats } from "../src/kernels/kvFormat.ts";
import { loadCatalogModel } from "../src/model/catalog.ts";
import { formatNumber } from "../src/units/format.ts";
import { type BenchHost, medianOf, onHost, roofLine, sampleLine, shareOfRoof } from "./host.ts";

const KV_TOKENS = 4096;
const ROUNDS = 5;

interface Row {
  readonly name: string;
  readonly shape: AttentionCoreShape;
}

type Setting = Omit<AttentionCoreShape, "dtype" | "kvDtype" | "seed">;

/** Rows of one setting, the float32 core first. */
function formatsOf(name: string, setting: Setting): Row[] {
  return kvDtypes.map((kvDtype) => ({
    name: `${name} ${kvDtype}`,
    shape: { ...setting, dtype: kvFormats[kvDtype].dtype, kvDtype, seed: 1 },
  }));
}

const mfa = loadCatalogModel("step3").layers[0]?.attention;
if (mfa?.kind !== "mfa") throw new Error("step3 has MFA in its first layer");
const mla = loadCatalogModel("deepseek-v3").layers[0]?.attention;
if (mla?.kind !== "mla") throw new Error("deepseek-v3 has MLA in its first layer");

const { queryHeads, kvHeads, headDim } = mfa;
const step3 = { batch: 1, kvTokens: KV_TOKENS, queryHeads, kvHeads, headDim };
const latent = { queryHeads: mla.queryHeads, kvHeads: 1, headDim: mla.kvRank, ropeHeadDim: mla.ropeHeadDim };
const float = { dtype: "f32", seed: 1 } as const;
const GROUPS: readonly Row[][] = [
  [
    ...formatsOf("MFA 64/1 x 256", step3),
    { name: "MFA f32, batch 4", shape: { ...step3, ...float, batch: 4 } },
    { name: "MFA f32, ragged batch 4", shape: { ...step3, ...float, batch: 4, kvTokens: [256, 1024, 4096, 2816] } },
    { name: "MFA f32, blocks in any order", shape: { ...step3, ...float, paging: "permuted" } },
    { name: "MFA f32, window of 1000", shape: { ...step3, ...float, span: { kind: "sliding", tokens: 1000 } } },
  ],
  formatsOf("GQA 64/8 x 128", { batch: 1, kvTokens: KV_TOKENS, queryHeads: 64, kvHeads: 8, headDim: 128 }),
  formatsOf("MLA 128 x (512 + 64)", { batch: 1, kvTokens: KV_TOKENS, ...latent }),
];

console.log(`attention.core: ${KV_TOKENS} cached tokens, one thread; medians of ${ROUNDS} rounds`);
await onHost(1, async (host) => {
  console.log(roofLine(host));
  for (const rows of GROUPS) await compare(host, rows);
});

/** Every row of a group against the group's first, round by round. */
async function compare(host: BenchHost, rows: readonly Row[]): Promise<void> {
  const timesNs: number[][] = rows.map(() => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, { shape }] of rows.entries()) {
      const { samplesNs } = await host.sample(attentionCoreCase(shape));
      timesNs[index]?.push(Math.min(...samplesNs));
    }
  }
  const [first = []] = timesNs;
  for (const [index, row] of rows.entries()) {
    const times = timesNs[index] ?? [];
    const medianNs = medianOf(times);
    const samples = { medianNs, madNs: medianOf(times.map((ns) => Math.abs(ns - medianNs))) };
    const work = flopsOf(row) / flopsOf(rows[0] as Row);
    const ratios = times.map((ns, round) => (work * (first[round] as number)) / ns);
    const line = sampleLine(row.name, flopsOf(row), samples, shareOfRoof(host, row.shape.dtype, flopsOf(row), samples));
    console.log(`${line}, ${formatNumber(medianOf(ratios))} x f32`);
  }
}

/** Multiply-adds of both products over the attended tokens, as 2 FLOPs each. */
function flopsOf({ shape }: Row): number {
  const { batch, kvTokens, span, ropeHeadDim = 0 } = shape;
  const lengths = typeof kvTokens === "number" ? Array<number>(batch).fill(kvTokens) : kvTokens;
  const attended = lengths.map((tokens) => (span?.kind === "sliding" ? Math.min(span.tokens, tokens) : tokens));
  const tokens = attended.reduce((sum, each) => sum + each, 0);
  return 2 * tokens * shape.queryHeads * (2 * shape.headDim + ropeHeadDim);
}
