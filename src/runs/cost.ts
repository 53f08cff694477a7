import { type Accelerator, requirePrice } from "../hardware/accelerator.ts";
import { reportAcceleratorNames } from "../hardware/catalog.ts";
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
import type { HardwareItem } from "./hardware.ts";
import { modelsAndHardware } from "./inUse.ts";
import { cardNotes, type ModelChoice } from "./models.ts";

/** What `cost` works out. */
export interface CostSettings {
  /** None: the whole catalog. */
  readonly models: readonly ModelChoice[];
  readonly contexts: readonly number[];
  /** Names, `all`, or accelerators of the caller's own; none: those of the Step-3 report. */
  readonly hardware: readonly HardwareItem[];
  /** Fields of models and figures of accelerators to replace, each `NAME.FIELD=VALUE`. */
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
 * @throws InvalidInputError on an unknown model or accelerator, or one that was named and has no price
 * @source Step-3 report, section 4.2 and Table 6
 */
export async function cost(settings: CostSettings): Promise<CostDocument> {
  const { models, hardware: chosen } = await modelsAndHardware(settings);
  const unpriced = chosen.accelerators.filter(({ usdPerHour }) => usdPerHour === undefined).map(({ name }) => name);
  const leftOut = unpriced.filter((name) => chosen.unasked.includes(name));
  const accelerators = chosen.accelerators.filter(({ name }) => !leftOut.includes(name));
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
    notes: [
      ...notesOf(settings, models, accelerators, priced),
      ...(leftOut.length === 0
        ? []
        : [`Left out, having no price (--set NAME.usdPerHour=PRICE): ${leftOut.join(", ")}.`]),
      ...(priced.every(({ accelerator }) => reportAcceleratorNames().includes(accelerator.name))
        ? []
        : [PRICES_DIFFER]),
      ...chosen.notes,
    ],
  };
}

const PRICES_DIFFER =
  "Prices come from different markets and days (`afdbench hardware show NAME` says which): give your own with --set NAME.usdPerHour=PRICE before you compare.";

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
  { precision, kvBits, drafting, convention, contexts, models: choices }: CostSettings,
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
          `A step computes ${drafting.draftTokens} drafted tokens beside one, ${drafting.acceptance === 1 ? "all of which are kept: the least that drafting can cost (--acceptance takes a rate)" : `each kept at the given rate of ${drafting.acceptance}`}; the rate is an input, not a measurement.`,
        ]),
    ...(convention === "exact" ? ["FLOPs are exact: absorbed MLA's value product is as wide as its latent."] : []),
    ...(without.length === 0
      ? []
      : [`Left out, having no ${precision} peak: ${without.map(({ name }) => name).join(", ")}.`]),
    ...(short.length === 0
      ? []
      : [`Beyond the longest context that their configurations allow: ${short.map(({ name }) => name).join(", ")}.`]),
    // Of the whole catalog they would be longer than the table; `afdbench models` has them.
    ...(choices.length === 0 ? [] : cardNotes(models)),
  ];
}
