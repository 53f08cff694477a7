import { requirePrice } from "../hardware/accelerator.ts";
import {
  cheapestPairing,
  type DecodeCost,
  decodeCost,
  pricedRoofs,
  type UnitCost,
  unitCost,
} from "../theory/decodeCost.ts";
import { type Peak, peakFor } from "../theory/precision.ts";
import type { Roofs } from "../theory/roofline.ts";
import { type FlopConvention, tokenWork } from "../workload/per-token.ts";
import { type PaperInputs, REPORT_ACCELERATOR_NAMES, type ReportAccelerator, type ReportModel } from "./inputs.ts";

const TOKENS = 1e6;

/** Roofs in the precision that the report takes: FP8 where the card has it, else BF16. @source Step-3 report, Table 4 */
export function roofsOn(inputs: PaperInputs, name: ReportAccelerator): Roofs {
  const { flopsPerSecond } = peakOn(inputs, name);
  return { flopsPerSecond, bytesPerSecond: inputs.accelerator(name).memoryBytesPerSecond };
}

/** Unit costs in the same precision. @source Step-3 report, Table 5 */
export function unitCostOn(inputs: PaperInputs, name: ReportAccelerator): UnitCost {
  return unitCost(pricedRoofs(requirePrice(inputs.accelerator(name)), peakOn(inputs, name)));
}

function peakOn({ accelerator }: PaperInputs, name: ReportAccelerator): Peak {
  const peak = peakFor(accelerator(name), "auto");
  if (peak === undefined) throw new Error(`${name} has no peak`);
  return peak;
}

/** What a cost is asked for. */
export interface CostQuestion {
  readonly model: ReportModel;
  readonly contextTokens: number;
  readonly convention: FlopConvention;
}

/** USD per million tokens of each side on one accelerator, and of both on it. @source Step-3 report, Table 6 */
export function costOn(
  inputs: PaperInputs,
  { model, contextTokens, convention }: CostQuestion,
  accelerator: ReportAccelerator,
): SideCosts {
  const work = tokenWork(inputs.model(model), { contextTokens, convention });
  return perMillion(decodeCost(work, unitCostOn(inputs, accelerator)));
}

/** USD per million tokens. */
export interface SideCosts {
  readonly attention: number;
  readonly ffn: number;
  readonly both: number;
}

/** USD per million tokens on the cheapest of the report's accelerators for each side. @source Step-3 report, section 4.2 */
export function bestPairingCost(inputs: PaperInputs, { model, contextTokens, convention }: CostQuestion): number {
  const work = tokenWork(inputs.model(model), { contextTokens, convention });
  const [first, ...others] = REPORT_ACCELERATOR_NAMES;
  const costed = (name: ReportAccelerator) => ({ cost: decodeCost(work, unitCostOn(inputs, name)) });
  const { attention, ffn } = cheapestPairing([costed(first), ...others.map(costed)]);
  return (attention.cost.attentionUsd + ffn.cost.ffnUsd) * TOKENS;
}

/** USD of a number of FLOPs for each of a million tokens, at full use of the peak. */
export function flopsCostOn(inputs: PaperInputs, flopsPerToken: number, accelerator: ReportAccelerator): number {
  return flopsPerToken * unitCostOn(inputs, accelerator).usdPerFlop * TOKENS;
}

function perMillion({ attentionUsd, ffnUsd }: DecodeCost): SideCosts {
  return { attention: attentionUsd * TOKENS, ffn: ffnUsd * TOKENS, both: (attentionUsd + ffnUsd) * TOKENS };
}
