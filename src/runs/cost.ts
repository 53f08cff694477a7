import { type Accelerator, requirePrice } from "../hardware/accelerator.ts";
import type { ModelCard } from "../model/card.ts";
import { parametersActivated } from "../model/parameters.ts";
import type { CostRow } from "../record/costRows.ts";
import { DOCUMENT_SCHEMA } from "../record/document.ts";
import type { CostDocument } from "../record/schemas.ts";
import {
  cheapestPairing,
  type DecodeCost,
  type Drafting,
  decodeCost,
  pricedRoofs,
  type UnitCost,
  unitCost,
} from "../theory/decodeCost.ts";
import { paretoFront, type Worth } from "../theory/paretoFront.ts";
import { type Peak, type PrecisionChoice, peakFor } from "../theory/precision.ts";
import { InvalidInputError } from "../units/errors.ts";
import { type FlopConvention, type TokenWork, tokenWork } from "../workload/per-token.ts";
import { recordEnvironment } from "./environment.ts";
import { resolveAccelerators } from "./hardware.ts";
import { chosenModels, type ModelChoice } from "./models.ts";

/** What `cost` works out. */
export interface CostSettings {
  /** None: the whole catalog. */
  readonly models: readonly ModelChoice[];
  readonly contexts: readonly number[];
  /** Names; none or `all`: the whole catalog. */
  readonly hardware: readonly string[];
  /** Figures of accelerators to replace, each `NAME.FIELD=VALUE`. */
  readonly settings: readonly string[];
  readonly precision: PrecisionChoice;
  /** Bits of a cached element in every layer; absent: those that each card gives its layers. */
  readonly kvBits?: number;
  readonly drafting: Drafting;
  readonly convention: FlopConvention;
}

/** An accelerator and what it computes in. */
interface Priced {
  readonly accelerator: Accelerator;
  readonly peak: Peak;
  readonly unit: UnitCost;
}

/**
 * What decoding a million tokens costs: every model at every context, on each accelerator alone and on the best pairing
 * of an attention and an FFN accelerator.
 * @throws InvalidInputError on an unknown model or accelerator, or one without a price
 * @source Step-3 report, section 4.2 and Table 6
 */
export function cost(settings: CostSettings): CostDocument {
  const models = chosenModels(settings.models);
  const accelerators = resolveAccelerators(settings);
  const priced = accelerators.flatMap((accelerator) => pricedIn(accelerator, settings.precision));
  const [first, ...others] = priced;
  if (first === undefined) {
    throw new InvalidInputError({
      field: "precision",
      value: settings.precision,
      expected: `a precision that one of ${accelerators.map(({ name }) => name).join(", ")} has a peak for`,
    });
  }
  return {
    schema: DOCUMENT_SCHEMA,
    command: "cost",
    environment: recordEnvironment(),
    rows: withFronts(
      models.flatMap((card) =>
        settings.contexts.flatMap((contextTokens) => rowsOf(card, contextTokens, [first, ...others], settings)),
      ),
    ),
    notes: notesOf(settings, models, accelerators, priced),
  };
}

/** None where the card has no peak in this precision. */
function pricedIn(accelerator: Accelerator, precision: PrecisionChoice): Priced[] {
  const peak = peakFor(accelerator, precision);
  if (peak === undefined) return [];
  return [{ accelerator, peak, unit: unitCost(pricedRoofs(requirePrice(accelerator), peak)) }];
}

function rowsOf(
  card: ModelCard,
  contextTokens: number,
  priced: readonly [Priced, ...Priced[]],
  settings: CostSettings,
): CostRow[] {
  const { kvBits, convention, drafting } = settings;
  const work = tokenWork(card, { contextTokens, kvBits, convention });
  const [first, ...others] = priced;
  const costed = (one: Priced) => ({ ...one, cost: decodeCost(work, one.unit, drafting) });
  const all = [costed(first), ...others.map(costed)] as const;
  const row = (pairing: CostRow["pairing"], attention: Costed, ffn: Costed): CostRow => ({
    kind: "modeled",
    model: card.name,
    contextTokens,
    pairing,
    attentionOn: attention.accelerator.name,
    ffnOn: ffn.accelerator.name,
    attentionPrecision: attention.peak.precision,
    ffnPrecision: ffn.peak.precision,
    attentionUsdPerMillionTokens: attention.cost.attentionUsd * TOKENS,
    ffnUsdPerMillionTokens: ffn.cost.ffnUsd * TOKENS,
    usdPerMillionTokens: (attention.cost.attentionUsd + ffn.cost.ffnUsd) * TOKENS,
    attentionBound: attention.cost.attentionBound,
    attentionFlopsPerByte: stepIntensity(work, drafting),
    ridgeFlopsPerByte: attention.peak.flopsPerSecond / attention.accelerator.memoryBytesPerSecond,
    parametersActivated: parametersActivated(card),
    kvBytesReadPerToken: work.kvBytes,
    attentionFlopsPerToken: work.attentionFlops,
    linearFlopsPerToken: work.linearFlops,
    ffnFlopsPerToken: work.ffnFlops,
    ...(kvBits === undefined ? {} : { kvBits }),
    ...(drafting.draftTokens === 0 ? {} : drafting),
  });
  const best = cheapestPairing(all);
  return [...all.map((one) => row("same", one, one)), row("best", best.attention, best.ffn)];
}

/** Says of each best pairing whether it is on the front of those at its context. */
function withFronts(rows: readonly CostRow[]): CostRow[] {
  const rowsAt = Map.groupBy(
    rows.filter(({ pairing }) => pairing === "best"),
    ({ contextTokens }) => contextTokens,
  );
  const fronts = [...rowsAt.values()].map((best) => paretoFront(best, worthOf));
  const front = new Set(fronts.flat());
  return rows.map((row) => (row.pairing === "best" ? { ...row, onParetoFront: front.has(row) } : row));
}

/** What more is better of, and what it costs. */
function worthOf({ parametersActivated: gain, usdPerMillionTokens: cost }: CostRow): Worth {
  return { gain, cost };
}

type Costed = Priced & { readonly cost: DecodeCost };

const TOKENS = 1e6;

/** FLOPs of the attention core over KV bytes of a step: drafts share the bytes. */
function stepIntensity({ attentionFlops, kvBytes }: TokenWork, { draftTokens }: Drafting): number {
  return ((1 + draftTokens) * attentionFlops) / kvBytes;
}

function notesOf(
  { precision, kvBits, drafting, convention, contexts }: CostSettings,
  models: readonly ModelCard[],
  accelerators: readonly Accelerator[],
  priced: readonly Priced[],
): string[] {
  const without = accelerators.filter(({ name }) => !priced.some(({ accelerator }) => accelerator.name === name));
  const longest = Math.max(...contexts);
  const short = models.filter(({ maxContextTokens }) => maxContextTokens < longest);
  return [
    "Costs are modeled: price per second over peak and bandwidth; attention = max(FLOPs, KV bytes) + projections, FFN = FLOPs, at batches large enough to read weights for many tokens (Step-3 report, section 4.2).",
    kvBits === undefined
      ? "KV bytes are those of an 8-bit cache, 16 bits where a model's layers keep theirs in BF16."
      : `KV bytes are those of ${kvBits} bits in every layer.`,
    ...(drafting.draftTokens === 0
      ? []
      : [
          `A step computes ${drafting.draftTokens} drafted tokens beside one, each kept at the given rate of ${drafting.acceptance}; the rate is an input, not a measurement.`,
        ]),
    ...(convention === "exact" ? ["FLOPs are exact: absorbed MLA's value product is as wide as its latent."] : []),
    ...(without.length === 0
      ? []
      : [`Left out, having no ${precision} peak: ${without.map(({ name }) => name).join(", ")}.`]),
    ...(short.length === 0
      ? []
      : [`Beyond the longest context that their configurations allow: ${short.map(({ name }) => name).join(", ")}.`]),
  ];
}
