/** Step-3's attention core over 4096 cached tokens: rate against the multiply-add and dot roofs of the same run. */
import { attentionCoreCase } from "../src/kernels/attentionCore.ts";
import { loadCatalogModel } from "../src/model/catalog.ts";
import { attentionFlopsPerCachedToken } from "../src/workload/per-token.ts";
import { onHost, roofLine, sampleLine, shareOfRoof } from "./host.ts";

const KV_TOKENS = 4096;
const BATCHES = [1, 4];

const attention = loadCatalogModel("step3").layers[0]?.attention;
if (attention?.kind !== "mfa") throw new Error("step3 has MFA in its first layer");
const { queryHeads, kvHeads, headDim } = attention;
const flopsPerSequence = KV_TOKENS * attentionFlopsPerCachedToken(attention);

console.log(
  `attention.core: ${queryHeads} query heads on ${kvHeads} KV head of ${headDim}, ${KV_TOKENS} tokens, one thread`,
);
await onHost(1, async (host) => {
  console.log(roofLine(host));
  for (const dtype of ["f32", "int8"] as const) {
    for (const batch of BATCHES) {
      const shape = { batch, kvTokens: KV_TOKENS, queryHeads, kvHeads, headDim, dtype, seed: 1 };
      const samples = await host.sample(attentionCoreCase(shape));
      const flops = batch * flopsPerSequence;
      const share = shareOfRoof(host, dtype, flops, samples);
      console.log(sampleLine(`attention.core ${dtype} batch=${batch}`, flops, samples, share));
    }
  }
});
