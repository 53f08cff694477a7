import type { ModelCard, MoeFfnSpec, SoftmaxSpec } from "../model/card.ts";
import { InvalidInputError } from "../units/errors.ts";
import type { KernelShape, MoeShape, Operand, ProductShape } from "./kernelShape.ts";
import { attendedTokens } from "./kv-cache.ts";

/** A kernel of a layer, by what it does. */
export interface LayerKernel {
  readonly part: string;
  readonly shape: KernelShape;
}

/** What the kernels of a layer depend on beside the model. */
export interface LayerSetting {
  /** Sequences that a card decodes together; with tensor parallelism all of the group's. */
  readonly batch: number;
  readonly kvTokens: number;
  /** Cards that heads are divided among. */
  readonly tensorParallel: number;
  /** Cards that experts are divided among, each with a batch of its own. */
  readonly expertParallel: number;
  /** What projections and experts multiply in. */
  readonly operand: Operand;
  readonly bytesPerWeight: number;
  readonly bytesPerKvElement: number;
}

/** The attention core of a layer on one card; scores and weighted sums are computed in BF16. */
export function attentionCore(attention: SoftmaxSpec, setting: LayerSetting): LayerKernel {
  const { batch, bytesPerKvElement } = setting;
  const queryHeads = divided(attention.queryHeads, setting.tensorParallel, "queryHeads");
  const kvTokens = Math.max(1, attendedTokens(attention.span, setting.kvTokens));
  const common = { batch, queryTokens: 1, kvTokens, queryHeads, operand: "bf16" as const, bytesPerKvElement };
  if (attention.kind === "mla") {
    const headDim = attention.kvRank + attention.ropeHeadDim;
    return { part: "core", shape: { kind: "mla-decode", ...common, kvHeads: 1, headDim, valueDim: attention.kvRank } };
  }
  // A KV head that several cards share is stored by each.
  const kvHeads = Math.max(1, attention.kvHeads / setting.tensorParallel);
  const { headDim } = attention;
  return { part: "core", shape: { kind: "attention-decode", ...common, kvHeads, headDim, valueDim: headDim } };
}

/** All products of an attention layer and its core, in the order in which they run. */
export function attentionLayer(attention: SoftmaxSpec, hidden: number, setting: LayerSetting): readonly LayerKernel[] {
  const queryHeads = divided(attention.queryHeads, setting.tensorParallel, "queryHeads");
  const product = (part: string, n: number, k: number): LayerKernel => ({ part, shape: plain(n, k, setting) });
  const core = attentionCore(attention, setting);
  if (attention.kind === "mla") {
    const { queryRank, kvRank, nopeHeadDim, ropeHeadDim, valueHeadDim } = attention;
    const queryWidth = queryHeads * (nopeHeadDim + ropeHeadDim);
    const absorbed = (part: string, n: number, k: number): LayerKernel => ({
      part,
      shape: { ...plain(n, k, setting), kind: "grouped-gemm", groups: queryHeads, operand: "bf16", bytesPerWeight: 2 },
    });
    return [
      product("query and KV down", (queryRank ?? queryWidth) + kvRank + ropeHeadDim, hidden),
      ...(queryRank === null ? [] : [product("query up", queryWidth, queryRank)]),
      absorbed("absorbed key", kvRank, nopeHeadDim),
      core,
      absorbed("absorbed value", valueHeadDim, kvRank),
      product("output", hidden, queryHeads * valueHeadDim),
    ];
  }
  const kvWidth = 2 * Math.max(1, attention.kvHeads / setting.tensorParallel) * attention.headDim;
  const queryWidth = queryHeads * attention.headDim;
  if (attention.kind === "mfa") {
    return [
      product("query and KV down", attention.queryRank + kvWidth, hidden),
      product("query up", queryWidth, attention.queryRank),
      core,
      product("output", hidden, queryWidth),
    ];
  }
  return [product("query and KV", queryWidth + kvWidth, hidden), core, product("output", hidden, queryWidth)];
}

/** The routed experts of one card; every card of the group has a batch of its own. */
export function routedExperts(card: ModelCard, ffn: MoeFfnSpec, setting: LayerSetting): MoeShape {
  const { expertParallel, operand, bytesPerWeight } = setting;
  const localExperts = divided(ffn.experts, expertParallel, "experts");
  const tokens = setting.batch * expertParallel;
  const { topK } = ffn.router;
  const routedTokens = (tokens * topK) / expertParallel;
  return {
    kind: "moe-fused",
    experts: ffn.experts,
    localExperts,
    topK,
    tokens,
    hidden: card.hidden,
    expertDim: ffn.expertDim,
    touchedExperts: Math.max(1, localExperts * (1 - (1 - topK / ffn.experts) ** tokens)),
    routedTokens,
    // The group's tokens were dispatched: a card holds those that its experts got.
    movedTokens: routedTokens,
    operand,
    bytesPerWeight,
    rows: "uneven",
  };
}

/** Router, routed experts and shared expert of a MoE layer. */
export function moeLayer(card: ModelCard, ffn: MoeFfnSpec, setting: LayerSetting): readonly LayerKernel[] {
  const routerSetting = { ...setting, operand: "bf16" as const, bytesPerWeight: 2 };
  const shared: readonly LayerKernel[] =
    ffn.sharedDim === 0
      ? []
      : [
          { part: "shared gate and up", shape: plain(2 * ffn.sharedDim, card.hidden, setting) },
          { part: "shared down", shape: plain(card.hidden, ffn.sharedDim, setting) },
        ];
  return [
    { part: "router", shape: plain(ffn.experts, card.hidden, routerSetting) },
    { part: "experts", shape: routedExperts(card, ffn, setting) },
    ...shared,
  ];
}

/** Both products of the routed experts of one card, as grouped products. */
export function expertProducts(card: ModelCard, ffn: MoeFfnSpec, setting: LayerSetting): readonly LayerKernel[] {
  const { localExperts, routedTokens } = routedExperts(card, ffn, setting);
  const grouped = (n: number, k: number): ProductShape => ({
    ...plain(n, k, setting),
    kind: "grouped-gemm",
    groups: localExperts,
    m: routedTokens / localExperts,
    rows: "uneven",
  });
  return [
    { part: "gate and up", shape: grouped(2 * ffn.expertDim, card.hidden) },
    { part: "down", shape: grouped(card.hidden, ffn.expertDim) },
  ];
}

function plain(n: number, k: number, { batch, operand, bytesPerWeight }: LayerSetting): ProductShape {
  return { kind: "gemm", groups: 1, m: batch, n, k, operand, bytesPerWeight, rows: "even" };
}

function divided(count: number, cards: number, what: string): number {
  if (count % cards === 0) return count / cards;
  const field = what === "experts" ? "--expert-parallel" : "--tensor-parallel";
  throw new InvalidInputError({ field, value: cards, expected: `a divisor of the ${count} ${what}` });
}
