import type { MoeFfnSpec } from "../model/card.ts";
import type { Roofs } from "./roofline.ts";

/** FLOPs of a multiply-add, of which each 8-bit weight byte takes one a token. */
const FLOPS_PER_WEIGHT_BYTE = 2;

/** 8-bit dispatch to the experts and 16-bit combine. @source Step-3 report, section 5.4 */
const NETWORK_BYTES_PER_HIDDEN_ELEMENT = 3;

/** Tokens at which a dense product of 8-bit weights becomes compute-bound. @source Step-3 report, section 5.3 */
export function denseBatchTokens({ flopsPerSecond, bytesPerSecond }: Roofs): number {
  return flopsPerSecond / (FLOPS_PER_WEIGHT_BYTE * bytesPerSecond);
}

/** Tokens at which experts of this sparsity, routed evenly, become compute-bound. @source Step-3 report, section 5.3 */
export function moeBatchTokens(roofs: Roofs, sparsity: number): number {
  return denseBatchTokens(roofs) / sparsity;
}

/** Activated over all experts, shared ones counted in units of a routed expert's width. @source Step-3 report, section 5.4 */
export function moeSparsity(ffn: MoeFfnSpec): number {
  const shared = sharedExperts(ffn);
  return (ffn.router.topK + shared) / (ffn.experts + shared);
}

/** What the least sparsity of a model on an accelerator follows from. */
export interface SparsitySetting {
  readonly roofs: Roofs;
  readonly hidden: number;
  readonly layers: number;
  /** Of all NICs of an FFN instance's server, one direction. */
  readonly networkBytesPerSecond: number;
  /** Time that the network has for all layers of a step. */
  readonly stageSeconds: number;
}

/**
 * Least share of experts that a token must activate for the FFN to be compute-bound while the network keeps up: the
 * MoE batch at which experts are compute-bound, its hidden states dispatched in 8 bits and combined in 16 within a stage.
 * @source Step-3 report, section 5.4 and Table 7
 */
export function leastSparsity({ roofs, hidden, layers, networkBytesPerSecond, stageSeconds }: SparsitySetting): number {
  const networkSecondsPerToken = (NETWORK_BYTES_PER_HIDDEN_ELEMENT * hidden * layers) / networkBytesPerSecond;
  return (denseBatchTokens(roofs) * networkSecondsPerToken) / stageSeconds;
}

/** Routed experts that a token would have to activate to reach this sparsity. @source Step-3 report, section 5.4 */
export function expertsForSparsity(ffn: MoeFfnSpec, sparsity: number): number {
  const shared = sharedExperts(ffn);
  return Math.ceil(sparsity * (ffn.experts + shared) - shared);
}

function sharedExperts(ffn: MoeFfnSpec): number {
  return ffn.sharedDim / ffn.expertDim;
}
