import { type Accelerator, type PricedAccelerator, requirePrice } from "../hardware/accelerator.ts";
import { InvalidInputError } from "../units/errors.ts";
import type { Side } from "../workload/terms.ts";
import type { ComputePrecision } from "./precision.ts";
import { type KernelDtype, projectKernel, roofsFor } from "./projection.ts";

/** Work of one part of a layer's decode step and the number of layers that have it; modeled or counted. */
export interface DeploymentTerm {
  readonly side: Side;
  readonly flops: number;
  readonly bytes: number;
  readonly layers: number;
}

/** A decode step to be deployed: its terms, the tokens that each side's terms are for, and the kernels' dtype. */
export interface DeploymentWork {
  readonly terms: readonly DeploymentTerm[];
  /** Tokens of a step on an attention card. */
  readonly batch: number;
  /** Tokens of a step on an FFN card. */
  readonly ffnTokens: number;
  readonly dtype: KernelDtype;
}

/** What a pairing of an attention and an FFN accelerator would reach. */
export interface Deployment {
  readonly attentionOn: string;
  readonly ffnOn: string;
  readonly attentionPrecision: ComputePrecision;
  readonly ffnPrecision: ComputePrecision;
  /** Time of a step's attention on one card, all layers. */
  readonly attentionNs: number;
  /** Time of a step's FFNs on one card, all layers. */
  readonly ffnNs: number;
  readonly tpotNs: number;
  readonly tokensPerSecondPerCard: number;
  /** Fraction of all cards that do attention. */
  readonly attentionCardShare: number;
  readonly usdPerMillionTokens: number;
}

/**
 * Every pairing of accelerators, cheapest per token first (equal prices: faster per card first).
 *
 * A side's time is the sum over its terms and layers of max(compute, memory) on one card, TA for `batch` tokens and
 * TF for `ffnTokens`. Cards stand in proportion to the stage time per token, a = TA / batch and f = TF / ffnTokens, so
 * that both sides keep up: tokens per second and card = 1 / (a + f), cost = a x priceA + f x priceF, and TPOT = TA + TF,
 * a token being in one stage at a time.
 *
 * Left out: network transfers and their overlap, waiting between stages (a pipeline of m micro-batches has at least
 * m x the longer stage), norms and activations, embeddings and output head, whether weights and KV cache fit into
 * memory, and any loss against the roofline.
 * @source Step-3 report, section 4.2 (cost per token; AFD pairs the cheapest accelerators of the two sides)
 * @throws InvalidInputError without accelerators, with one that has no price, or unless both sides have work and tokens
 */
export function deployments(work: DeploymentWork, accelerators: readonly Accelerator[]): readonly Deployment[] {
  checkWork(work, accelerators);
  const priced = accelerators.map(requirePrice);
  return priced
    .flatMap((attentionOn) => priced.map((ffnOn) => deploy(work, attentionOn, ffnOn)))
    .sort(
      (left, right) =>
        left.usdPerMillionTokens - right.usdPerMillionTokens ||
        right.tokensPerSecondPerCard - left.tokensPerSecondPerCard,
    );
}

/** The cheapest pairing of `deployments`. @throws InvalidInputError as `deployments` */
export function cheapestDeployment(work: DeploymentWork, accelerators: readonly Accelerator[]): Deployment {
  const [cheapest] = deployments(work, accelerators);
  if (cheapest === undefined) throw noAccelerators();
  return cheapest;
}

function deploy(work: DeploymentWork, attentionOn: PricedAccelerator, ffnOn: PricedAccelerator): Deployment {
  const attentionNs = stageNs(work, "attention", attentionOn);
  const ffnNs = stageNs(work, "ffn", ffnOn);
  const attentionNsPerToken = attentionNs / work.batch;
  const ffnNsPerToken = ffnNs / work.ffnTokens;
  const cardNsPerToken = attentionNsPerToken + ffnNsPerToken;
  return {
    attentionOn: attentionOn.name,
    ffnOn: ffnOn.name,
    attentionPrecision: roofsFor(attentionOn, work.dtype).precision,
    ffnPrecision: roofsFor(ffnOn, work.dtype).precision,
    attentionNs,
    ffnNs,
    tpotNs: attentionNs + ffnNs,
    tokensPerSecondPerCard: 1e9 / cardNsPerToken,
    attentionCardShare: attentionNsPerToken / cardNsPerToken,
    usdPerMillionTokens:
      usdPerMillion(attentionNsPerToken, attentionOn.usdPerHour) + usdPerMillion(ffnNsPerToken, ffnOn.usdPerHour),
  };
}

function stageNs(work: DeploymentWork, side: Side, accelerator: Accelerator): number {
  return work.terms
    .filter((term) => term.side === side)
    .reduce((total, term) => total + term.layers * projectKernel(term, accelerator, work.dtype).latencyNs, 0);
}

function usdPerMillion(cardNsPerToken: number, usdPerHour: number): number {
  return ((cardNsPerToken * 1e6) / 3600e9) * usdPerHour;
}

function checkWork(work: DeploymentWork, accelerators: readonly Accelerator[]): void {
  if (accelerators.length === 0) throw noAccelerators();
  for (const field of ["batch", "ffnTokens"] as const) {
    if (Number.isFinite(work[field]) && work[field] > 0) continue;
    throw new InvalidInputError({ field, value: work[field], expected: "a number of tokens above 0" });
  }
  for (const side of ["attention", "ffn"] as const) {
    if (work.terms.some((term) => term.side === side && term.layers > 0 && term.flops + term.bytes > 0)) continue;
    throw new InvalidInputError({ field: `terms of the ${side} side`, value: work.terms, expected: "some work" });
  }
}

function noAccelerators(): InvalidInputError {
  return new InvalidInputError({ field: "accelerators", value: [], expected: "at least one" });
}
