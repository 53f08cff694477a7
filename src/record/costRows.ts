import { z } from "zod";
import { amount, text, whole } from "./quantity.ts";

/** What decoding a token of a model costs at a context, both sides on one accelerator or on the cheapest of each side. */
export const costRowSchema = z.strictObject({
  kind: z.literal("modeled"),
  model: text("Name of the model."),
  contextTokens: whole("Cached tokens that each decoded token attends to."),
  pairing: z.enum(["same", "best"]).meta({
    description: "Whether both sides stand on one accelerator, or each on the one that is cheapest for it (AFD).",
  }),
  attentionOn: text("Accelerator of the attention side."),
  ffnOn: text("Accelerator of the FFN side."),
  attentionPrecision: text("What attention computes in: fp8, bf16, int8 or fp4."),
  ffnPrecision: text("What the FFN computes in."),
  attentionUsdPerMillionTokens: amount("modeled", "USD per million tokens", "Attention with its projections."),
  ffnUsdPerMillionTokens: amount("modeled", "USD per million tokens", "FFN."),
  usdPerMillionTokens: amount("modeled", "USD per million tokens", "Both sides."),
  attentionBound: z
    .enum(["compute", "memory"])
    .meta({ description: "Roof of attentionOn that binds the attention core." }),
  attentionFlopsPerByte: amount("modeled", "FLOP/byte", "FLOPs of a step's attention core per byte of KV read."),
  ridgeFlopsPerByte: amount("modeled", "FLOP/byte", "Intensity at which the two roofs of attentionOn meet."),
  parametersActivated: amount("modeled", "count", "Parameters that one token uses, embeddings among them."),
  kvBytesReadPerToken: amount("modeled", "byte", "KV and state bytes that a decode step reads for one sequence."),
  attentionFlopsPerToken: amount("modeled", "FLOP", "Scores and weighted sums of one token."),
  linearFlopsPerToken: amount("modeled", "FLOP", "Projections around attention of one token."),
  ffnFlopsPerToken: amount("modeled", "FLOP", "FFN matrices of one token."),
  onParetoFront: z
    .boolean()
    .meta({
      description:
        "Of a best pairing: whether no other model of this run activates at least as many parameters at no more cost at this context.",
    })
    .optional(),
  kvBits: whole("Bits of a cached element in every layer; absent: those that the model's card gives each.").optional(),
  draftTokens: whole("Tokens guessed ahead in a step; absent without multi-token prediction.").optional(),
  acceptance: amount("modeled", "fraction", "Share of guessed tokens that are kept, as given.").optional(),
});

export type CostRow = z.infer<typeof costRowSchema>;
