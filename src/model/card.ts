/** Attention of one layer; widths in elements, no biases in any kind that is listed here. */
export type AttentionSpec = MfaSpec | GroupedSpec | MlaSpec;

/** Multi-matrix factorization attention: a low-rank query, few KV heads. @source Step-3 report, section 3 and Table 1 */
export interface MfaSpec {
  readonly kind: "mfa";
  readonly queryHeads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Width of the shared query projection, normed before it is projected up to all heads. */
  readonly queryRank: number;
  readonly ropeTheta: number;
}

/** Plain attention with queryHeads / kvHeads query heads on each KV head. */
export interface GroupedSpec {
  readonly kind: "gqa" | "mqa" | "mha";
  readonly queryHeads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly ropeTheta: number;
  /** Whether each head's query and key are RMS-normed before RoPE. */
  readonly qkNorm: boolean;
}

/** Multi-head latent attention: one cache row of kvRank + ropeHeadDim for all heads. */
export interface MlaSpec {
  readonly kind: "mla";
  readonly queryHeads: number;
  /** Rank of the query; null where it is projected directly. */
  readonly queryRank: number | null;
  readonly kvRank: number;
  readonly nopeHeadDim: number;
  readonly ropeHeadDim: number;
  readonly valueHeadDim: number;
  readonly ropeTheta: number;
}

/** How a router scores experts and turns the scores of the chosen into weights. */
export interface RouterSpec {
  readonly score: "softmax" | "sigmoid";
  readonly topK: number;
  /** Whether the weights of the chosen experts are divided by their sum. */
  readonly normalizeTopK: boolean;
  readonly scalingFactor: number;
  /** Whether a learned bias takes part in the choice (not in the weights). */
  readonly correctionBias: boolean;
  /** Experts are in this many groups of equal size, of which the best `groupsKept` stay in the choice. */
  readonly groups: number;
  readonly groupsKept: number;
}

/** A SwiGLU of one width. */
export interface DenseFfnSpec {
  readonly kind: "dense";
  readonly width: number;
}

/** Routed SwiGLU experts, and one always-on shared expert of total width `sharedDim` (0: none). */
export interface MoeFfnSpec {
  readonly kind: "moe";
  readonly experts: number;
  readonly expertDim: number;
  readonly sharedDim: number;
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
}

/** What a configuration itself tells: a card without its name and origin. */
export type ModelFacts = Omit<ModelCard, "name" | "source">;
