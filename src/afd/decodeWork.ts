import type { DecodeAttention } from "../kernels/decodeAttention.ts";
import type { KvDtype } from "../kernels/kvFormat.ts";
import type { Share } from "../kernels/program.ts";
import { shareOf } from "../kernels/program.ts";
import type { Activation } from "../kernels/reference/linear.ts";
import type { RouterRule } from "../kernels/routerRule.ts";
import type { WeightDtype } from "../kernels/weights.ts";
import type { WireFormat } from "../kernels/wire.ts";

/** FFN of one layer: dense, or a router with experts. */
export type DecodeFfn =
  | { readonly kind: "dense"; readonly width: number; readonly activation: Activation }
  | {
      readonly kind: "moe";
      readonly experts: number;
      readonly expertDim: number;
      /** 0: no shared expert. */
      readonly sharedDim: number;
      /** Whether a learned gate of its own weighs the shared expert's output. */
      readonly sharedGate: boolean;
      readonly activation: Activation;
      readonly router: RouterRule;
    };

/** A model that instances decode. */
export interface DecodeModel {
  readonly hidden: number;
  readonly epsilon: number;
  readonly layers: readonly { readonly attention: DecodeAttention; readonly ffn: DecodeFfn }[];
  /** How projections and experts are stored; the router is float32. */
  readonly weightDtype: WeightDtype;
  readonly kvDtype: KvDtype;
  /** Routers favour experts by Zipf's law with this exponent, a seeded order of experts in each layer; absent: none is favoured. */
  readonly zipfExponent?: number;
  readonly seed: number;
}

/** What messages hold their values in; f32 loses nothing. */
export type MessageFormat = "f32" | WireFormat;

/** Tokens that share a scale in an FP8 message. @source DeepSeek-V3, as StepMesh sends them: 128 */
export const fp8Block = 128;

/** How FFN instances divide a layer's work: whole experts, slices of all experts' width, or both. */
export type FfnParallel =
  | { readonly kind: "ep" }
  | { readonly kind: "tp" }
  | { readonly kind: "tp+ep"; readonly tensorParallel: number };

/** A model, the sequences it decodes, and how both are divided: all that the layouts and programs of instances follow from. */
export interface DecodeWork {
  readonly model: DecodeModel;
  readonly attentionInstances: number;
  readonly ffnInstances: number;
  readonly ffnParallel: FfnParallel;
  /** Cached tokens of each sequence before the first step. */
  readonly kvTokens: readonly number[];
  /** Sequences of each micro-batch: a run of them, one after the other. */
  readonly microBatches: readonly Share[];
  readonly steps: number;
  readonly messages: { readonly a2f: MessageFormat; readonly f2a: MessageFormat };
}

/** The sequences of a micro-batch that an attention instance holds; they may be none. */
export function sequencesOf(
  { microBatches, attentionInstances }: Pick<DecodeWork, "microBatches" | "attentionInstances">,
  microBatch: number,
  instance: number,
): Share {
  const { first, last } = microBatches[microBatch] as Share;
  const share = shareOf(last - first, instance, attentionInstances);
  return { first: first + share.first, last: first + share.last };
}
