import { z } from "zod";
import { LIMITS } from "./fields.ts";

const EVEN = "an even number (RoPE turns pairs)";

// Every message of these schemas is what the value should have been, as a noun phrase; of unknown keys: `only a, b, c`.
// cardFault.ts makes errors of them.

function whole(most: number, description: string, least: 0 | 1 = 1) {
  const expected = `a whole number from ${least} to ${most}`;
  return z.int(expected).min(least, expected).max(most, expected).meta({ description });
}

function positive(most: number, description: string) {
  const expected = `a number above 0, at most ${most}`;
  return z.number(expected).positive(expected).max(most, expected).meta({ description });
}

function flag(description: string) {
  return z.boolean("true or false").default(false).meta({ description });
}

function oneOf<const Names extends readonly string[]>(names: Names, description: string) {
  return z.enum(names, `one of ${names.join(", ")}`).meta({ description });
}

function object<Shape extends z.ZodRawShape>(shape: Shape, description: string) {
  const keys = Object.keys(shape).join(", ");
  const error = ({ code }: { readonly code?: string }) =>
    code === "unrecognized_keys" ? `only ${keys}` : `an object with ${keys}`;
  return z.strictObject(shape, { error }).meta({ description });
}

/** What a union of kinds asks for: of its `kind` where that is at fault, else of the whole. */
function kindsOf(...kinds: readonly string[]) {
  const list = `one of ${kinds.join(", ")}`;
  return {
    error: ({ code }: { readonly code?: string }) =>
      code === "invalid_union" ? list : `an object whose kind is ${list}`,
  };
}

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
};

const ropeDims = whole(LIMITS.headDim, "Elements of a head that RoPE turns, even; absent: all of them.", 0).optional();

const groupedFlags = {
  ropeDims,
  qkNorm: flag("Whether each head's query and key are RMS-normed."),
  bias: flag("Whether the projections have biases; they are in no parameter count."),
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
).superRefine(({ ropeHeadDim }, context) => {
  if (ropeHeadDim % 2 !== 0) context.addIssue({ code: "custom", path: ["ropeHeadDim"], message: EVEN });
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

const attention = z
  .discriminatedUnion("kind", [mfa, gqa, mha, mqa, mla, linear], kindsOf("mfa", "gqa", "mha", "mqa", "mla", "linear"))
  .meta({ id: "attention", description: "Attention of one layer; widths in elements." });

const activation = oneOf(["silu", "gelu", "clampedSilu"], "silu is SwiGLU, gelu GeGLU, clampedSilu that of gpt-oss.");

const router = object(
  {
    topK: whole(LIMITS.experts, "Experts that each token is sent to."),
    score: oneOf(["softmax", "sigmoid"], "How logits become scores.").default("softmax"),
    normalizeTopK: flag("Whether the chosen experts' weights are divided by their sum."),
    scalingFactor: positive(1e6, "What the weights are multiplied with.").default(1),
    correctionBias: flag("Whether a learned bias takes part in the choice."),
    logitBias: flag("Whether the router's product has a bias."),
    scalesInput: flag("Whether a weight scales its expert's input, not its output."),
    groups: whole(LIMITS.experts, "Groups of equal size that the experts are in.").default(1),
    groupsKept: whole(LIMITS.experts, "Groups that stay in the choice; absent: all.").optional(),
    groupRule: oneOf(
      ["none", "best", "sumOfBestTwo", "equalShares"],
      "What a group is judged by, or that each gives topK / groups of its experts; none with one group.",
    ).default("none"),
  },
  "How experts are chosen. All but topK changes no FLOPs and bytes.",
);

const dense = object(
  {
    kind: z.literal("dense"),
    width: whole(LIMITS.width, "Intermediate width."),
    activation: activation.default("silu"),
  },
  "One gated FFN.",
);

const moe = object(
  {
    kind: z.literal("moe"),
    experts: whole(LIMITS.experts, "Routed experts."),
    expertDim: whole(LIMITS.width, "Intermediate width of one expert."),
    sharedDim: whole(LIMITS.width, "Total intermediate width of the shared experts; 0 without one.", 0),
    sharedGate: flag("Whether the shared expert's output is weighted by a gate of its own."),
    activation: activation.default("silu"),
    router,
  },
  "Routed gated experts, and one shared expert.",
).superRefine(({ experts, router: { topK, groups, groupsKept = groups, groupRule } }, context) => {
  const refuse = (key: string, message: string) => context.addIssue({ code: "custom", path: ["router", key], message });
  if (experts % groups !== 0) return refuse("groups", `a divisor of experts (${experts})`);
  if (groupsKept > groups) return refuse("groupsKept", `a whole number from 1 to groups (${groups})`);
  if (groups > 1 && groupRule === "none") return refuse("groupRule", "best, sumOfBestTwo or equalShares, with groups");
  if (groups === 1 && groupRule !== "none") return refuse("groupRule", "none, with one group");
  if (groupRule === "equalShares" && topK % groups !== 0) return refuse("topK", `a multiple of groups (${groups})`);
  if (groupRule === "sumOfBestTwo" && experts < 2 * groups)
    return refuse("groups", `at most experts / 2 for this rule`);
  const most = (experts / groups) * groupsKept;
  if (topK > most) refuse("topK", `a whole number from 1 to ${most}, the experts in the choice`);
});

const ffn = z
  .discriminatedUnion("kind", [dense, moe], kindsOf("dense", "moe"))
  .meta({ id: "ffn", description: "FFN of one layer; widths in elements." });

const equalLayers = object(
  {
    count: whole(LIMITS.layers, "Layers of this kind, one after another.").default(1),
    attention,
    ffn,
  },
  "Layers that are all alike.",
).meta({ id: "equalLayers" });

const repeatedLayers = object(
  {
    repeat: whole(LIMITS.layers, "How often the pattern stands one after another."),
    layers: z
      .array(equalLayers, "a list of groups of layers")
      .min(1, "at least one group of layers")
      .meta({ description: "Groups of equal layers that make the pattern." }),
  },
  "A pattern of layers that repeats.",
);

/** A model card as people write it; what it leaves out and has no default is refused. Documented in docs/cards.md. */
export const cardSchema = object(
  {
    name: z
      .string("a text")
      .regex(/^[^\s.=,]+(\.\d[^\s.=,]*)*$/u, 'a name without blanks, "," and "=", with a dot only before a digit')
      .max(100, "at most 100 characters")
      .optional()
      .meta({ description: "Name of the model; absent: the file's." }),
    source: z
      .string("a text")
      .min(1, "a text that is not empty")
      .max(1000, "at most 1000 characters")
      .optional()
      .meta({ description: "Where the values come from; absent: the file's name." }),
    hidden: whole(LIMITS.hidden, "Values of a token between layers."),
    vocab: whole(LIMITS.vocab, "Entries of the vocabulary."),
    tiedEmbeddings: z.boolean("true or false").meta({ description: "Whether the output head is the embedding table." }),
    maxContextTokens: whole(LIMITS.contextTokens, "Longest context that the model is made for."),
    rmsNormEpsilon: positive(1, "What RMS norms add under the root; no shape depends on it.").default(1e-6),
    layers: z
      .array(
        z.union([equalLayers, repeatedLayers], "an object with attention and ffn, or with repeat and layers"),
        "a list of groups of layers",
      )
      .min(1, "at least one group of layers")
      .meta({ description: "Groups of decoder layers, first to last." }),
  },
  "A model card of afdbench, written by hand.",
);

/** A card as its schema gives it, defaults filled in. */
export type WrittenCard = z.output<typeof cardSchema>;

/** JSON Schema (draft 2020-12) of a hand-written card. */
export function cardJsonSchema(): Record<string, unknown> {
  return { title: "afdbench model card", ...z.toJSONSchema(cardSchema, { io: "input" }) };
}

function checkHeads(
  heads: { readonly queryHeads: number; readonly kvHeads: number },
  context: z.core.$RefinementCtx,
): void {
  if (heads.queryHeads % heads.kvHeads === 0) return;
  context.addIssue({ code: "custom", path: ["kvHeads"], message: `a divisor of queryHeads (${heads.queryHeads})` });
}

function checkRope(
  heads: { readonly headDim: number; readonly ropeDims?: number | undefined },
  context: z.core.$RefinementCtx,
): void {
  const { headDim: most, ropeDims: turned = most } = heads;
  if (turned > most) {
    const message = `an even number from 0 to headDim (${most})`;
    context.addIssue({ code: "custom", path: ["ropeDims"], message });
  }
  if (turned % 2 === 0) return;
  context.addIssue({ code: "custom", path: [heads.ropeDims === undefined ? "headDim" : "ropeDims"], message: EVEN });
}
