import type { RopeScaling } from "./ropeScaling.ts";

/** Attention of one layer; widths in elements. */
export type AttentionSpec = SoftmaxSpec | LinearSpec;

/** Attention over a cache of keys and values (or of one latent that stands for both). */
export type SoftmaxSpec = MfaSpec | GroupedSpec | MlaSpec;

/**
 * Which cached tokens a query sees: all of them, the last `tokens` (its own among them), or those of its own block of
 * `tokens` alone. A decode step of a chunked layer reads between 1 and `tokens`; the formulas take the upper bound.
 */
export type Span =
  | { readonly kind: "full" }
  | { readonly kind: "sliding"; readonly tokens: number }
  | { readonly kind: "chunked"; readonly tokens: number };

/** What every attention with a KV cache says. */
interface CachedAttention {
  readonly span: Span;
  /**
   * Bits of a cached element in an 8-bit deployment: 8, or 16 where the model's KV stays in BF16 there.
   * @source Step-3 report, Tables 2 and 3 (16 in the full layers of Llama 4 Maverick and MiniMax M1)
   */
  readonly kvBits: 8 | 16;
  readonly ropeTheta: number;
  /** Elements of a head that RoPE turns; 0 where the layer has no positions. */
  readonly ropeDims: number;
  readonly ropeScaling: RopeScaling;
  /** What scores are multiplied with before the softmax: 1 over the root of a key's width, but where a model says otherwise. */
  readonly softmaxScale: number;
}

/** Multi-matrix factorization attention: a low-rank query, few KV heads. @source Step-3 report, section 3 and Table 1 */
export interface MfaSpec extends CachedAttention {
  readonly kind: "mfa";
  readonly queryHeads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Width of the shared query projection, normed before it is projected up to all heads. */
  readonly queryRank: number;
}

/** Plain attention with queryHeads / kvHeads query heads on each KV head. */
export interface GroupedSpec extends CachedAttention {
  readonly kind: "gqa" | "mqa" | "mha";
  readonly queryHeads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Whether each head's query and key are RMS-normed before RoPE. */
  readonly qkNorm: boolean;
  /** Which projections have biases, the output's among `all` alone; these are in no parameter count and no FLOPs. */
  readonly bias: "none" | "queryKeyValue" | "all";
  /** Whether each head has a learned logit that takes part in the softmax and has no value. */
  readonly sinks: boolean;
  /** Whether the query projection also yields a gate as wide as the heads' outputs. */
  readonly outputGate: boolean;
}

/** Multi-head latent attention: one cache row of kvRank + ropeHeadDim for all heads. */
export interface MlaSpec extends CachedAttention {
  readonly kind: "mla";
  readonly queryHeads: number;
  /** Rank of the query; null where it is projected directly. */
  readonly queryRank: number | null;
  readonly kvRank: number;
  readonly nopeHeadDim: number;
  readonly ropeHeadDim: number;
  readonly valueHeadDim: number;
}

/** Linear attention: a state of valueHeads x keyDim x valueDim in float32 in place of a cache that grows. */
export interface LinearSpec {
  readonly kind: "linear";
  /** How the state is updated: `lightning` (MiniMax) decays it, `gatedDelta` (Qwen3-Next) also corrects it. */
  readonly rule: "lightning" | "gatedDelta";
  readonly keyHeads: number;
  readonly valueHeads: number;
  readonly keyDim: number;
  readonly valueDim: number;
}

/** How a router scores experts and turns the scores of the chosen into weights. */
export interface RouterSpec {
  /** `softmax` over all experts (with `normalizeTopK`, the same as over the chosen alone), or a `sigmoid` of each logit. */
  readonly score: "softmax" | "sigmoid";
  readonly topK: number;
  /** Whether the weights of the chosen experts are divided by their sum. */
  readonly normalizeTopK: boolean;
  readonly scalingFactor: number;
  /** Whether a learned bias takes part in the choice (not in the weights). */
  readonly correctionBias: boolean;
  /** Whether the router's product itself has a bias. */
  readonly logitBias: boolean;
  /** Whether a weight scales its expert's input, not its output. */
  readonly scalesInput: boolean;
  /** Experts are in this many groups of equal size, of which the best `groupsKept` stay in the choice. */
  readonly groups: number;
  readonly groupsKept: number;
  /** What a group is judged by, or that every group gives exactly topK / groups of its experts; `none` with one group. */
  readonly groupRule: "none" | "best" | "sumOfBestTwo" | "equalShares";
}

/** act(x gate) * (x up), then down: `silu` is SwiGLU, `gelu` GeGLU, `clampedSilu` that of gpt-oss. */
export type Activation = "silu" | "gelu" | "clampedSilu";

/** A gated FFN of one width. */
export interface DenseFfnSpec {
  readonly kind: "dense";
  readonly width: number;
  readonly activation: Activation;
}

/** Routed gated experts, and one always-on shared expert of total width `sharedDim` (0: none). */
export interface MoeFfnSpec {
  readonly kind: "moe";
  readonly experts: number;
  readonly expertDim: number;
  readonly sharedDim: number;
  /** Whether the shared expert's output is weighted by a learned gate of its own. */
  readonly sharedGate: boolean;
  readonly activation: Activation;
  readonly router: RouterSpec;
}

export type FfnSpec = DenseFfnSpec | MoeFfnSpec;

/** One decoder layer. */
export interface LayerSpec {
  readonly attention: AttentionSpec;
  readonly ffn: FfnSpec;
}

/** Everything about a language model that shapes, FLOPs and bytes follow from. */
export interface ModelCard {
  readonly name: string;
  /** `model_type` of the language model, as Hugging Face spells it. */
  readonly modelType: string;
  /** Where the values come from. */
  readonly source: string;
  readonly hidden: number;
  readonly vocab: number;
  readonly rmsNormEpsilon: number;
  /** Whether the output head is the embedding table. */
  readonly tiedEmbeddings: boolean;
  readonly maxContextTokens: number;
  readonly layers: readonly LayerSpec[];
  /** What the configuration left to its class's defaults and which of its fields were not read, a sentence each. */
  readonly notes: readonly string[];
}

/** What a configuration itself tells: a card without its name and origin. */
export type ModelFacts = Omit<ModelCard, "name" | "source">;
