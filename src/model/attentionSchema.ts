import { z } from "zod";
import { flag, kindsOf, object, oneOf, positive, whole } from "./cardFields.ts";
import { LIMITS } from "./fields.ts";
import { type RopeScaling, scalingFault } from "./ropeScaling.ts";
import { ropeScalingSchema } from "./ropeScalingSchema.ts";

const EVEN = "an even number (RoPE turns pairs)";

const spanTokens = whole(LIMITS.contextTokens, "Length of the window or block.");
const span = z
  .discriminatedUnion(
    "kind",
    [
      object({ kind: z.literal("full") }, "All cached tokens."),
      object({ kind: z.literal("sliding"), tokens: spanTokens }, "The last `tokens`, the query's own among them."),
      object({ kind: z.literal("chunked"), tokens: spanTokens }, "Those of the query's own block of `tokens`."),
    ],
    kindsOf("full", "sliding", "chunked"),
  )
  .default({ kind: "full" })
  .meta({ description: "Which cached tokens a query sees." });

const queryHeads = whole(LIMITS.heads, "Query heads.");
const headDim = whole(LIMITS.headDim, "Elements of one head.");
const kvHeads = whole(LIMITS.heads, "KV heads; they divide the query heads.");

const cached = {
  span,
  kvBits: z
    .literal([8, 16], "8 or 16")
    .default(8)
    .meta({ description: "Bits of a cached element in an 8-bit deployment." }),
  ropeTheta: positive(1e12, "Base of the rotary embedding; no shape depends on it.").default(10_000),
  ropeScaling: ropeScalingSchema,
  softmaxScale: positive(
    1000,
    "What scores are multiplied with; absent: 1 over the root of a key's width (of MLA nopeHeadDim + ropeHeadDim).",
  ).optional(),
};

const ropeDims = whole(LIMITS.headDim, "Elements of a head that RoPE turns, even; absent: all of them.", 0).optional();

const groupedFlags = {
  ropeDims,
  qkNorm: flag("Whether each head's query and key are RMS-normed."),
  bias: oneOf(
    ["none", "queryKeyValue", "all"],
    "Which projections have biases, the output's among `all` alone; they are in no parameter count.",
  ).default("none"),
  sinks: flag("Whether each head has a learned logit in its softmax."),
  outputGate: flag("Whether the query projection also yields a gate as wide as the heads' outputs."),
};

const mfa = object(
  {
    kind: z.literal("mfa"),
    queryHeads,
    kvHeads,
    headDim,
    queryRank: whole(LIMITS.width, "Width of the shared query projection."),
    ...cached,
    ropeDims,
  },
  "Multi-matrix factorization attention.",
).superRefine((value, context) => {
  checkHeads(value, context);
  checkRope(value, context);
});

const gqa = object(
  { kind: z.literal("gqa"), queryHeads, kvHeads, headDim, ...cached, ...groupedFlags },
  "Grouped-query attention.",
).superRefine((value, context) => {
  checkHeads(value, context);
  checkRope(value, context);
});

const mha = object(
  { kind: z.literal("mha"), queryHeads, headDim, ...cached, ...groupedFlags },
  "Multi-head attention: as many KV heads as query heads.",
).superRefine(checkRope);

const mqa = object(
  { kind: z.literal("mqa"), queryHeads, headDim, ...cached, ...groupedFlags },
  "Multi-query attention: one KV head.",
).superRefine(checkRope);

const mla = object(
  {
    kind: z.literal("mla"),
    queryHeads,
    queryRank: whole(LIMITS.width, "Rank of the query; null where it is projected directly.")
      .nullable()
      .meta({ description: "Rank of the query; null where it is projected directly." }),
    kvRank: whole(LIMITS.width, "Rank of the cached latent."),
    nopeHeadDim: whole(LIMITS.headDim, "Elements of a head's query and key that RoPE leaves."),
    ropeHeadDim: whole(LIMITS.headDim, "Elements of a head's query and key that RoPE turns, even."),
    valueHeadDim: whole(LIMITS.headDim, "Elements of a head's value."),
    ...cached,
  },
  "Multi-head latent attention.",
).superRefine((value, context) => {
  const { ropeHeadDim } = value;
  if (ropeHeadDim % 2 !== 0) context.addIssue({ code: "custom", path: ["ropeHeadDim"], message: EVEN });
  else checkScaling(value, ropeHeadDim, context);
});

const linear = object(
  {
    kind: z.literal("linear"),
    rule: oneOf(["lightning", "gatedDelta"], "How the state is updated: as MiniMax does, or as Qwen3-Next does."),
    keyHeads: whole(LIMITS.heads, "Heads of queries and keys."),
    valueHeads: whole(LIMITS.heads, "Heads of values; the state has as many."),
    keyDim: whole(LIMITS.headDim, "Elements of a query's or key's head."),
    valueDim: whole(LIMITS.headDim, "Elements of a value's head."),
  },
  "Linear attention: a float32 state in place of a cache.",
).superRefine(({ keyHeads, valueHeads }, context) => {
  if (valueHeads % keyHeads === 0) return;
  context.addIssue({ code: "custom", path: ["keyHeads"], message: `a divisor of valueHeads (${valueHeads})` });
});

/** Attention of one layer as a hand-written card has it. */
export const attentionSchema = z
  .discriminatedUnion("kind", [mfa, gqa, mha, mqa, mla, linear], kindsOf("mfa", "gqa", "mha", "mqa", "mla", "linear"))
  .meta({ id: "attention", description: "Attention of one layer; widths in elements." });

function checkHeads(
  heads: { readonly queryHeads: number; readonly kvHeads: number },
  context: z.core.$RefinementCtx,
): void {
  if (heads.queryHeads % heads.kvHeads === 0) return;
  context.addIssue({ code: "custom", path: ["kvHeads"], message: `a divisor of queryHeads (${heads.queryHeads})` });
}

interface WrittenRope {
  readonly ropeTheta: number;
  readonly ropeScaling: RopeScaling;
}

function checkScaling(
  { ropeTheta: theta, ropeScaling }: WrittenRope,
  dims: number,
  context: z.core.$RefinementCtx,
): void {
  const fault = scalingFault(ropeScaling, { dims, theta });
  if (fault === undefined) return;
  context.addIssue({ code: "custom", path: ["ropeScaling", fault.field], message: fault.expected });
}

function checkRope(
  heads: WrittenRope & { readonly headDim: number; readonly ropeDims?: number | undefined },
  context: z.core.$RefinementCtx,
): void {
  const { headDim: most, ropeDims: turned = most } = heads;
  if (turned > most) {
    const message = `an even number from 0 to headDim (${most})`;
    context.addIssue({ code: "custom", path: ["ropeDims"], message });
  }
  if (turned % 2 === 0) {
    checkScaling(heads, turned, context);
    return;
  }
  context.addIssue({ code: "custom", path: [heads.ropeDims === undefined ? "headDim" : "ropeDims"], message: EVEN });
}
